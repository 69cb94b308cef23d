//! Programs that others wrote, against the station: they have to take its answers for the vendor's, and
//! the trips have to say what they did.

#[path = "aws.rs"]
mod aws;
#[path = "github.rs"]
mod github;
#[path = "hosts.rs"]
mod hosts;
#[path = "jasmin.rs"]
mod jasmin;
#[path = "openai.rs"]
mod openai;
#[path = "others.rs"]
mod others;
#[path = "stage.rs"]
mod stage;
#[path = "twilio.rs"]
mod twilio;
#[path = "wire.rs"]
mod wire;
