"""From a model to sentences, for any model of the contract (section 6.1 of the paper)."""
