//! Medians of both sides, and how the real server stands to its goal.

use tickwire::load::report::Cost;
use tickwire::load::report::Faults;
use tickwire::load::report::Grouped;
use tickwire::load::report::Hundredths;
use tickwire::load::report::Report;

use crate::floor::Writes;
use crate::scenario::Goal;
use crate::scenario::Scenario;
use crate::side::Side;

/// Prints a scenario's rows and its verdict.
pub(crate) fn print(
    scenario: &Scenario,
    reports: &[(Side, Vec<Report>)],
    unstalled: Option<&[Report]>,
) {
    println!(
        "{:<6} {:>12} {:>9} {:>7} {:>7} {:>8} {:>8} {:>8} {:>9} {:>6} {:>6} {:>9} {:>6}",
        "",
        "messages/s",
        "MB/s",
        "B each",
        "µs CPU",
        "p50 ms",
        "p99 ms",
        "p99.9",
        "max ms",
        "/read",
        "gen %",
        "KiB/conn",
        "open s",
    );
    for (side, reports) in reports {
        row(&format!("{side:?}"), reports);
    }
    if let Some(unstalled) = unstalled {
        row("all go", unstalled);
    }
    for (side, reports) in reports {
        threads(*side, reports);
        faults(*side, reports);
    }
    let of = |side| reports.iter().find(|(of, _)| *of == side).map(|(_, reports)| &reports[..]);
    verdict(scenario, of(Side::Floor), of(Side::Real), unstalled);
}

fn row(name: &str, reports: &[Report]) {
    let of = |figure: fn(&Report) -> u64| median(reports, figure);
    let hundredths = |figure: fn(&Report) -> u64, by: u64| Hundredths(of(figure) / by);
    println!(
        "{name:<6} {:>12} {:>9} {:>7} {:>7} {:>8} {:>8} {:>8} {:>9} {:>6} {:>6} {:>9} {:>6}",
        Grouped(of(|report| report.messages_per_s)),
        hundredths(|report| report.bytes_per_s, 10_000),
        of(|report| report.bytes_per_message),
        hundredths(cpu, 10),
        hundredths(|report| report.latency.p50_us, 10),
        hundredths(|report| report.latency.p99_us, 10),
        hundredths(|report| report.latency.p999_us, 10),
        hundredths(|report| report.latency.max_us, 10),
        hundredths(|report| report.messages_per_read_hundredths, 1),
        of(|report| report.generator_cpu) / 100,
        Hundredths(of(memory) * 100 / 1_024),
        hundredths(|report| report.opening.whole_ms, 10),
    );
}

/// CPU of the threads, of the run in the middle.
fn threads(side: Side, reports: &[Report]) {
    let mut sorted: Vec<&Report> = reports.iter().collect();
    sorted.sort_by_key(|report| cpu(report));
    let Some(report) = sorted.get(sorted.len() / 2) else { return };
    let Some(Cost { threads_us, system_us, cpu_us, .. }) = &report.server else { return };
    let mut threads: Vec<_> = threads_us.iter().collect();
    threads.sort_by_key(|(_, us)| std::cmp::Reverse(**us));
    let each = threads.into_iter().take(5).map(|(name, us)| {
        let nanos = us * 1_000 / report.flow.messages.max(1);
        format!("{name} {}", Hundredths(nanos / 10))
    });
    let kernel = system_us * 100 / (*cpu_us).max(1);
    let each: Vec<String> = each.collect();
    println!("  {side:?}: {kernel} % in the kernel; µs a message: {}", each.join(", "));
}

fn faults(side: Side, reports: &[Report]) {
    for report in reports {
        if report.faults != Faults::default() || report.replaced > 0 {
            println!("  {side:?}: {}; {} conflated", report.faults, report.replaced);
        }
        if let Some(recovered) = report.recovered {
            println!("  {side:?}: {recovered:?}");
        }
    }
}

fn verdict(
    scenario: &Scenario,
    floor: Option<&[Report]>,
    real: Option<&[Report]>,
    unstalled: Option<&[Report]>,
) {
    let Some(real) = real else { return };
    let figure = |reports: &[Report], figure: fn(&Report) -> u64| median(reports, figure);
    let share = |figure: fn(&Report) -> u64| {
        let floor = floor.map(|floor| median(floor, figure)).filter(|floor| *floor > 0)?;
        Some(median(real, figure) * 100 / floor)
    };
    let said = match scenario.goal {
        Goal::Cpu(most) => share(cpu).map(|share| {
            format!("CPU {} × the floor's, goal ≤ {}", Hundredths(share), Hundredths(most))
        }),
        Goal::Rate(least) => share(|report| report.messages_per_s).map(|share| {
            format!("{} × the floor's rate, goal ≥ {}", Hundredths(share), Hundredths(least))
        }),
        Goal::Memory(most) => {
            Some(format!("{} B a connection, goal ≤ {most}", figure(real, memory)))
        }
        Goal::P99(most) => {
            let p99 = figure(real, |report| report.latency.p99_us) / 1_000;
            Some(format!("p99 {p99} ms, goal ≤ {} ms", most.as_millis()))
        }
        Goal::Opening(most) => {
            let open = figure(real, |report| report.opening.whole_ms);
            Some(format!("open in {open} ms, goal ≤ {} ms", most.as_millis()))
        }
        Goal::Stalled(most) => {
            let p99 = |reports| median(reports, |report: &Report| report.latency.p99_us);
            let share = p99(real) * 100 / unstalled.map_or(1, p99).max(1);
            let without = unstalled.map_or(0, |reports| median(reports, grown));
            let each =
                figure(real, grown).saturating_sub(without) / scenario.stalled().max(1) as u64;
            Some(format!(
                "p99 of the others {} × that without, goal ≤ 1.10; {each} B a stalled client, \
                 goal ≤ {most}",
                Hundredths(share)
            ))
        }
    };
    println!("  → {}", said.unwrap_or_else(|| "no floor to compare with".to_owned()));
    let is_prompt = scenario.writes == Writes::Each;
    if let (Goal::Cpu(_), true, Some(floor)) = (scenario.goal, is_prompt, floor) {
        let p99 = |reports| median(reports, |report: &Report| report.latency.p99_us);
        println!("  → p99 {} µs, the floor's {} µs, goal ≤ + 500 µs", p99(real), p99(floor));
    }
}

fn median(reports: &[Report], figure: fn(&Report) -> u64) -> u64 {
    let mut figures: Vec<u64> = reports.iter().map(figure).collect();
    figures.sort_unstable();
    figures.get(figures.len() / 2).copied().unwrap_or(0)
}

fn cpu(report: &Report) -> u64 {
    report.server.as_ref().map_or(0, |server| server.cpu_ns_per_message)
}

fn memory(report: &Report) -> u64 {
    report.server.as_ref().map_or(0, |server| server.bytes_per_connection)
}

fn grown(report: &Report) -> u64 {
    report
        .server
        .as_ref()
        .map_or(0, |server| server.resident_measured.saturating_sub(server.resident_subscribed))
}
