//! The daemon, from outside: what travels, who may ask, and what becomes of a call whatever ends.

mod frames;
