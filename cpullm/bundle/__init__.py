"""The bundle for machines without a network: making it, saying what is in it, checking that it is whole."""
