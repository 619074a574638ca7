"""A stand-in for WeChat's server: the same contract over real HTTP, for tests and the demo only."""
