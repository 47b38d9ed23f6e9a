//! Reads `cluster.yml` the way RKE does, and names what RKE would silently ignore.
