//! What the tests share: the world around Vekha, made to be asked and to fail on demand.

pub mod smtp;
