"""What a run spends: counted, clocked, confirmed by the kernel, and what it may take besides."""
