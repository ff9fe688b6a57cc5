//! The housekeeper: a thread that does for the writer what would make it wait.

use std::fs;
use std::fs::File;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::Receiver;
use crossbeam_channel::Sender;
use crossbeam_channel::select;
use rustix::fs::FallocateFlags;
use tracing::warn;

use super::error::Error;
use super::segment::Segment;
use super::state::State;
use super::state::StateFile;
use crate::event::Seq;

/// Jobs waiting. The writer asks for one of a kind at a time, deletions apart, and holds those
/// back when the queue is half full.
const JOBS_MAX: usize = 64;
/// Answers waiting: the writer takes them all at each append.
const ANSWERS_MAX: usize = 16;

/// The file that the next segment will be.
const PREPARED: &str = "prepared.tmp";

/// What the writer asks for.
#[derive(Debug)]
pub(super) enum Job {
    /// Reserve places up to this one.
    Reserve(Seq),
    /// Make the file of the next segment.
    Prepare,
    /// This segment goes on from here; the one before it is sealed.
    Begun(Active),
    /// Delete a file.
    Delete(PathBuf),
}

/// What the writer is told.
#[derive(Debug)]
pub(super) enum Answer {
    /// Places up to this one are reserved, on the disk.
    Reserved(Seq),
    /// They are not.
    NotReserved(Error),
    /// The file of the next segment.
    Prepared(Prepared),
    /// There is none.
    NotPrepared(Error),
    /// What was appended may not survive a power failure.
    NotSynced(Error),
}

/// A segment that is being written.
#[derive(Debug, Clone)]
pub(super) struct Active {
    pub(super) segment: Arc<Segment>,
    pub(super) file: Arc<File>,
}

/// A preallocated file.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) file: File,
    pub(super) path: PathBuf,
}

/// What the thread needs to know.
#[derive(Debug)]
pub(super) struct Duties {
    pub(super) dir: PathBuf,
    pub(super) segment_bytes: u64,
    pub(super) sync_every: Duration,
    pub(super) state: State,
    pub(super) state_file: StateFile,
    pub(super) active: Active,
}

/// The writer's end.
#[derive(Debug)]
pub(super) struct Housekeeper {
    jobs: Option<Sender<Job>>,
    answers: Receiver<Answer>,
    thread: Option<JoinHandle<Duties>>,
}

impl Housekeeper {
    /// Starts the thread.
    pub(super) fn start(duties: Duties) -> Result<Self, Error> {
        let (jobs, to_do) = crossbeam_channel::bounded(JOBS_MAX);
        let (to_tell, answers) = crossbeam_channel::bounded(ANSWERS_MAX);
        let dir = duties.dir.clone();
        let thread = thread::Builder::new()
            .name("tape".into())
            .spawn(move || duties.work(&to_do, &to_tell))
            .map_err(Error::doing("start a thread for", &dir))?;
        Ok(Self { jobs: Some(jobs), answers, thread: Some(thread) })
    }

    /// Hands over a job; `false` if it can not take one now.
    pub(super) fn ask(&self, job: Job) -> bool {
        self.jobs.as_ref().is_some_and(|jobs| jobs.try_send(job).is_ok())
    }

    /// Whether there is room for more than what can not wait.
    pub(super) fn is_at_leisure(&self) -> bool {
        self.jobs.as_ref().is_some_and(|jobs| jobs.len() < JOBS_MAX / 2)
    }

    /// What it has to tell, if anything.
    pub(super) fn answer(&self) -> Option<Answer> {
        self.answers.try_recv().ok()
    }

    /// What it has to tell; waits for it.
    pub(super) fn wait(&self) -> Result<Answer, Error> {
        self.answers.recv().map_err(|_| Error::Abandoned)
    }

    /// Ends the thread when its jobs are done.
    pub(super) fn stop(&mut self) -> Option<Duties> {
        self.jobs = None;
        self.thread.take()?.join().ok()
    }
}

impl Drop for Housekeeper {
    fn drop(&mut self) {
        drop(self.stop());
    }
}

impl Duties {
    fn work(mut self, jobs: &Receiver<Job>, answers: &Sender<Answer>) -> Self {
        let clock = crossbeam_channel::tick(self.sync_every);
        let mut synced = 0;
        loop {
            let answer = select! {
                recv(jobs) -> job => match job {
                    Ok(job) => self.done(job, &mut synced),
                    Err(_) => return self,
                },
                recv(clock) -> _ => self.sync(&mut synced).err().map(Answer::NotSynced),
            };
            if let Some(answer) = answer
                && let Err(lost) = answers.try_send(answer)
            {
                warn!(answer = ?lost.into_inner(), "the writer of the tape does not listen");
            }
        }
    }

    fn done(&mut self, job: Job, synced: &mut u64) -> Option<Answer> {
        match job {
            Job::Reserve(ceiling) => {
                let state = State { ceiling, ..self.state };
                Some(match self.state_file.write(&state) {
                    Ok(()) => {
                        self.state = state;
                        Answer::Reserved(ceiling)
                    }
                    Err(error) => Answer::NotReserved(error),
                })
            }
            Job::Prepare => Some(match prepare(&self.dir, self.segment_bytes) {
                Ok(prepared) => Answer::Prepared(prepared),
                Err(error) => Answer::NotPrepared(error),
            }),
            Job::Begun(active) => {
                let before = std::mem::replace(&mut self.active, active);
                let sealed = seal(&before);
                *synced = 0;
                sealed.and_then(|()| self.sync(synced)).err().map(Answer::NotSynced)
            }
            Job::Delete(path) => {
                if let Err(error) = fs::remove_file(&path) {
                    warn!(path = %path.display(), %error, "could not delete a segment");
                }
                None
            }
        }
    }

    /// Brings what was appended to the disk.
    fn sync(&self, synced: &mut u64) -> Result<(), Error> {
        let Active { segment, file } = &self.active;
        let end = segment.end();
        if end == *synced {
            return Ok(());
        }
        file.sync_data().map_err(Error::doing("sync", &segment.path))?;
        if *synced == 0 {
            sync_dir(&self.dir)?;
        }
        *synced = end;
        Ok(())
    }
}

/// Gives back the preallocated space of a segment that is full, and syncs it.
pub(super) fn seal(active: &Active) -> Result<(), Error> {
    let Active { segment, file } = active;
    let cut = file.set_len(segment.end()).and_then(|()| file.sync_all());
    cut.map_err(Error::doing("seal", &segment.path))
}

/// Makes a file with room for a segment.
pub(super) fn prepare(dir: &Path, bytes: u64) -> Result<Prepared, Error> {
    let path = dir.join(PREPARED);
    let mut options = File::options();
    let options = options.read(true).write(true).create(true).truncate(true);
    let file = options.open(&path).map_err(Error::doing("create", &path))?;
    if let Err(error) = preallocate(&file, bytes) {
        let error = Error::io(error, "preallocate", &path);
        if let Err(error) = fs::remove_file(&path) {
            warn!(path = %path.display(), %error, "could not delete an unused file");
        }
        return Err(error);
    }
    Ok(Prepared { file, path })
}

/// Reserves space where the file system can; elsewhere the file grows as it is written.
pub(super) fn preallocate(file: &File, bytes: u64) -> io::Result<()> {
    match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, bytes.max(1)) {
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => Ok(()),
        result => result.map_err(io::Error::from),
    }
}

/// Brings the names of files to the disk.
pub(super) fn sync_dir(dir: &Path) -> Result<(), Error> {
    let synced = File::open(dir).and_then(|dir| dir.sync_all());
    synced.map_err(Error::doing("sync", dir))
}
