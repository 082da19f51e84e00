//! The API of runs and events.
