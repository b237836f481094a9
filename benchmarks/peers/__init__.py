"""Side by side: smysl's CPU engine and its peers on the same weights. See docs/benchmarks."""
