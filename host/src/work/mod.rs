//! Work: what is to be run when, what runs now, and what became of it.

pub mod state;
