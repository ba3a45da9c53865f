//! Decides whether a request may go where it wants to go. Pure: no input, no output.
