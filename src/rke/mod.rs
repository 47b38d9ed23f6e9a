//! RKE on the operator's machine: `cluster.yml` on disk and the `rke` program.
