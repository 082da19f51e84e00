use super::*;
use crate::work::RunStatus;

/// Bytes of memory that this process has in use.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm
        .split_whitespace()
        .nth(1)
        .and_then(|pages| pages.parse().ok())
        .unwrap_or_default();
    pages * 4096
}

#[tokio::test]
async fn more_than_a_thousand_runs_leave_neither_jobs_nor_memory_behind() {
    let stage = Stage::new().await;
    let mut connectors = Vec::new();
    for _ in 0..8 {
        connectors.push(stage.connector().await);
    }
    let round = async || {
        let mut asked = Vec::new();
        for connector in &connectors {
            asked.push(stage.run_now(*connector).await.unwrap().id);
        }
        for run in asked {
            stage.reaches(run, RunStatus::Processed).await;
        }
    };
    for _ in 0..25 {
        round().await;
    }
    let before = resident();
    for _ in 0..125 {
        round().await;
        stage.script.began.lock().unwrap().clear();
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < 24 << 20, "{grown} bytes after 1,000 more runs");
    let core = &stage.work().core;
    stage.forgets_jobs().await;
    assert!(core.running().is_empty());
    let size = std::fs::metadata(stage.queue_file()).unwrap().len();
    assert!(size < 2 << 20, "the queue's file has {size} bytes");
}
