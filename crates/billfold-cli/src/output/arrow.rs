//! An answer as an Arrow IPC file, columns and types as `frame` says. Uncompressed, so that it maps.

use std::io::{BufWriter, Write};

use arrow::error::ArrowError;
use arrow::ipc::writer::FileWriter;
use billfold_core::engine::Answer;
use billfold_core::{Error, Result};

use super::frame::Frame;

/// Writes an answer as an Arrow IPC file.
///
/// Errors: io; what `Frame::new` refuses.
pub fn write(answer: &Answer, out: &mut dyn Write) -> Result<()> {
    let frame = Frame::new(answer)?;
    let write = || -> Result<(), Refused> {
        let mut writer = FileWriter::try_new(BufWriter::new(out), &frame.schema())?;
        for batch in frame.batches() {
            writer.write(&batch.map_err(Refused::Frame)?)?;
        }
        // Flushes.
        writer.finish()?;
        Ok(())
    };
    write().map_err(|refused| match refused {
        Refused::Frame(error) => error,
        Refused::Arrow(ArrowError::IoError(_, cause)) => Error::io("writing Arrow", &cause),
        Refused::Arrow(error) => Error::bug(format!("an answer as Arrow: {error}")),
    })
}

/// Who stopped the writing.
enum Refused {
    Frame(Error),
    Arrow(ArrowError),
}

impl From<ArrowError> for Refused {
    fn from(error: ArrowError) -> Self {
        Refused::Arrow(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::frame::samples;
    use arrow::array::RecordBatch;
    use arrow::ipc::reader::FileReader;

    fn read(answer: &Answer) -> Vec<RecordBatch> {
        let mut file = Vec::new();
        write(answer, &mut file).unwrap();
        let reader = FileReader::try_new(std::io::Cursor::new(file), None).unwrap();
        assert_eq!(reader.schema(), Frame::new(answer).unwrap().schema());
        reader.map(Result::unwrap).collect()
    }

    #[test]
    fn an_answer_reads_back_equal_to_the_last_digit() {
        for answer in samples::all() {
            samples::check(&answer, &read(&answer));
        }
    }

    #[test]
    fn a_large_answer_is_many_batches_over_one_dictionary() {
        let answer = samples::large();
        let batches = read(&answer);
        assert_eq!(batches.len(), 3);
        samples::check(&answer, &batches);
    }

    #[test]
    fn a_full_disk_is_an_error_of_the_machine() {
        let error = write(&samples::all()[0], &mut samples::Full).unwrap_err();
        assert_eq!(error.kind().class(), billfold_core::ErrorClass::Io);
    }
}
