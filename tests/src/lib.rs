//! What the tests share: the world around Vekha, made to be asked and to fail on demand.

pub mod axe;
pub mod base;
pub mod browser;
pub mod database;
pub mod dovecot;
pub mod foreign;
pub mod gate;
pub mod ics;
pub mod javascript;
pub mod letterbox;
pub mod letters;
pub mod pip;
pub mod process;
pub mod provider;
pub mod python;
pub mod receiver;
pub mod region;
pub mod school;
pub mod small;
pub mod smtp;
pub mod stranger;
pub mod town;
pub mod victim;
pub mod visitor;
pub mod witness;
pub mod workbook;
