//! Programs that others wrote, against the station: they have to take its answers for the vendor's, and
//! the trips have to say what they did.

#[path = "agents.rs"]
mod agents;
#[path = "aws.rs"]
mod aws;
#[path = "cloud.rs"]
mod cloud;
#[path = "flow.rs"]
mod flow;
#[path = "github.rs"]
mod github;
#[path = "hosts.rs"]
mod hosts;
#[path = "jasmin.rs"]
mod jasmin;
#[path = "mail.rs"]
mod mail;
#[path = "openai.rs"]
mod openai;
#[path = "others.rs"]
mod others;
#[path = "registries.rs"]
mod registries;
#[path = "saas.rs"]
mod saas;
#[path = "several.rs"]
mod several;
#[path = "sms.rs"]
mod sms;
#[path = "stage.rs"]
mod stage;
#[path = "twilio.rs"]
mod twilio;
#[path = "wire.rs"]
mod wire;
