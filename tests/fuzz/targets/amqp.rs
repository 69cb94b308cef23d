//! Fuzzes amqp.

#![no_main]

lapwing_fuzz::door!("amqp", false);
