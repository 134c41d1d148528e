"""How good a model is, and how far its confidence can be trusted."""
