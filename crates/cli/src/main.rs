//! `lapwing`: the command line. Commands, output and exit codes; everything else is in the crates
//! below. stdout is data, stderr is everything else.

mod allocator;
mod args;
mod commands;
mod config;
mod context;
mod failure;
mod operator;
mod output;
mod planting;

use std::process::ExitCode;

use clap::Parser;

/// A request's memory is made on one thread and freed on another: the system's allocator makes them
/// wait for each other. `.cargo/config.toml` has its settings.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let args = args::Args::parse();
    output::set_colour(args.global.no_color);
    start_log();
    // Several crates speak TLS; they share one provider. Err: it is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match commands::run(args) {
        Ok(exit) => exit.into(),
        Err(error) => failure::report(&error),
    }
}

/// What the program says of itself goes to stderr; `LAPWING_LOG` sets how much (`info`, `debug`, ...). What was
/// erased is said in any case.
fn start_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("LAPWING_LOG").unwrap_or_else(|_| {
        tracing_subscriber::EnvFilter::new("warn,lapwing_daemon::erasing=info")
    });
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .init();
}
