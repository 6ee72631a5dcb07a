"""Rules of slots: which run each is given and how, what is made again, which slot is set aside. Pure."""
