//! The simulator, tested by what it answers.
