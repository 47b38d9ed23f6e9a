//! `--on`: which nodes a run touches.
