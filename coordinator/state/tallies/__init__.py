"""Books kept beside experiments: arms, money, time, lessons, what people said."""
