//! How many questions are worked on at once, and how many may wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// A number of workers and a number of waiting places.
#[derive(Debug)]
pub(crate) struct Queue {
    workers: Arc<Semaphore>,
    n_waiting: AtomicUsize,
    max_waiting: usize,
    deadline: Duration,
}

/// Why a question got no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// All places to wait are taken.
    Full,
    /// It took too long.
    Late,
    /// The work panicked.
    Broken,
}

/// A place to wait, given back when this goes, also when the client leaves.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Queue {
    pub(crate) fn new(n_workers: usize, max_waiting: usize, deadline: Duration) -> Queue {
        Queue {
            workers: Arc::new(Semaphore::new(n_workers)),
            n_waiting: AtomicUsize::new(0),
            max_waiting,
            deadline,
        }
    }

    /// Does the work on a thread of its own, when one is free.
    ///
    /// Whoever drops this while it waits takes it out of the queue. Work that has begun runs to its end, and
    /// holds its worker, also when nobody waits for it any more.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, NoAnswer> {
        let answer = async {
            let permit = self.permit().await?;
            let worker = tokio::task::spawn_blocking(move || {
                let done = work();
                drop(permit);
                done
            });
            worker.await.map_err(|_| NoAnswer::Broken)
        };
        timeout(self.deadline, answer)
            .await
            .unwrap_or(Err(NoAnswer::Late))
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit, NoAnswer> {
        if let Ok(permit) = Arc::clone(&self.workers).try_acquire_owned() {
            return Ok(permit);
        }
        let waiting = self.n_waiting.fetch_add(1, Ordering::Relaxed);
        let place = Waiting(&self.n_waiting);
        if waiting >= self.max_waiting {
            return Err(NoAnswer::Full);
        }
        let permit = Arc::clone(&self.workers).acquire_owned().await;
        drop(place);
        permit.map_err(|_| NoAnswer::Full)
    }

    /// How many wait.
    pub(crate) fn n_waiting(&self) -> usize {
        self.n_waiting.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap()
    }

    #[test]
    fn m14_two_at_once_the_rest_wait_and_beyond_that_is_told() {
        runtime().block_on(async {
            let queue = Arc::new(Queue::new(2, 3, Duration::from_secs(20)));
            let (go, gate) = channel::<()>();
            let gate = Arc::new(std::sync::Mutex::new(gate));
            let ask = || {
                let (queue, gate) = (Arc::clone(&queue), Arc::clone(&gate));
                tokio::spawn(async move { queue.run(move || gate.lock().unwrap().recv().unwrap()).await })
            };
            let mut asked: Vec<_> = (0..5).map(|_| ask()).collect();
            while queue.n_waiting() < 3 {
                tokio::task::yield_now().await;
            }
            assert_eq!(ask().await.unwrap(), Err(NoAnswer::Full));
            // A client that leaves gives its place back.
            asked.pop().unwrap().abort();
            while queue.n_waiting() > 2 {
                tokio::task::yield_now().await;
            }
            asked.push(ask());
            for _ in 0..5 {
                go.send(()).unwrap();
            }
            for asked in asked {
                assert_eq!(asked.await.unwrap(), Ok(()));
            }
            assert_eq!(queue.n_waiting(), 0);
        });
    }

    #[test]
    fn m14_what_takes_too_long_is_told_and_what_panics_ends_alone() {
        runtime().block_on(async {
            let queue = Queue::new(1, 1, Duration::from_millis(50));
            let slow = queue.run(|| std::thread::sleep(Duration::from_millis(300))).await;
            assert_eq!(slow, Err(NoAnswer::Late));
            tokio::time::sleep(Duration::from_millis(400)).await;
            let queue = Queue::new(1, 1, Duration::from_secs(60));
            let broken = queue.run(|| assert_eq!(1, 2)).await;
            assert_eq!(broken, Err(NoAnswer::Broken));
            assert_eq!(queue.run(|| 7).await, Ok(7));
        });
    }
}
