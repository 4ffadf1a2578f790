//! An answer as a Parquet file, columns and types as `frame` says, compressed with zstd.

use std::io::{self, Write};

use billfold_core::engine::Answer;
use billfold_core::{Error, Result};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use super::Groups;
use super::frame::{CostType, Frame};

/// Writes an answer as a Parquet file.
///
/// Errors: io; what `Frame::new` refuses.
pub fn write(answer: &Answer, out: &mut (dyn Write + Send)) -> Result<()> {
    write_groups(Groups::Whole(answer), out)
}

/// Writes groups, in memory or on disk, as a Parquet file.
pub(crate) fn write_groups(groups: Groups<'_>, out: &mut (dyn Write + Send)) -> Result<()> {
    let mut cost = CostType::default();
    groups.each(&mut |answer| {
        cost.widen_for(answer);
        Ok(())
    })?;
    cost.check()?;
    let head = Frame::with_cost(groups.head(), cost)?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .build();
    let mut writer =
        ArrowWriter::try_new(&mut *out, head.schema(), Some(properties)).map_err(|e| refused(&e))?;
    let mut write_all = |frame: &Frame<'_>| {
        frame
            .batches()
            .try_for_each(|batch| writer.write(&batch?).map_err(|e| refused(&e)))
    };
    match groups {
        Groups::Whole(_) => write_all(&head)?,
        Groups::Stored(stored) => {
            stored.each_block(&mut |block| write_all(&Frame::with_cost(block, cost)?))?;
        }
    }
    writer.close().map_err(|e| refused(&e))?;
    out.flush().map_err(|cause| Error::io("writing Parquet", &cause))
}

fn refused(error: &ParquetError) -> Error {
    if let ParquetError::External(cause) = error
        && let Some(cause) = cause.downcast_ref::<io::Error>()
    {
        return Error::io("writing Parquet", cause);
    }
    Error::bug(format!("an answer as Parquet: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::frame::samples;
    use arrow::array::RecordBatch;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use std::fs::File;

    fn read(name: &str, answer: &Answer) -> Vec<RecordBatch> {
        let path = std::env::temp_dir().join(format!("billfold-parquet-{name}-{}", std::process::id()));
        write(answer, &mut File::create(&path).unwrap()).unwrap();
        let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap()).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(
            builder.schema().fields(),
            Frame::new(answer).unwrap().schema().fields()
        );
        builder.build().unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn an_answer_reads_back_equal_to_the_last_digit() {
        for (nth, answer) in samples::all().iter().enumerate() {
            samples::check(answer, &read(&format!("all-{nth}"), answer));
        }
    }

    #[test]
    fn a_large_answer_reads_back_whole() {
        let answer = samples::large();
        samples::check(&answer, &read("large", &answer));
    }

    #[test]
    fn a_full_disk_is_an_error_of_the_machine() {
        let error = write(&samples::all()[0], &mut samples::Full).unwrap_err();
        assert_eq!(error.kind().class(), billfold_core::ErrorClass::Io);
    }
}
