//! The `tickwire` program.

use std::process::ExitCode;

use tickwire::app::App;
use tickwire::config::Config;
use tickwire::config::Sources;
use tickwire::config::environment;
use tokio::signal::unix::SignalKind;

fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> anyhow::Result<()> {
    let env = environment()?;
    let loaded = Config::load(Sources { env: &env, ..Sources::default() })?;
    actix_web::rt::System::new().block_on(async move {
        let (app, server) = App::build(&loaded.config)?;
        tracing::info!(address = %app.address(), epoch = app.epoch(), "serving");
        let handle = server.handle();
        let running = actix_web::rt::spawn(server);
        let mut terminate = tokio::signal::unix::signal(SignalKind::terminate())?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted?,
            _ = terminate.recv() => {}
        }
        app.shut_down(handle).await;
        running.await??;
        Ok(())
    })
}
