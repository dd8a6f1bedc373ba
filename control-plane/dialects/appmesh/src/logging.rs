//! Access logs.

use std::collections::BTreeMap;

use tulle_crds::appmesh::{FileAccessLog, JsonFormatField, Logging, LoggingFormat};
use tulle_model::Str;
use tulle_model::logging::{AccessLog, LogFormat, format};

use crate::field::Field;
use crate::report::{LeftOut, Report, code};

/// What every proxy may write to.
const WRITABLE: [&str; 2] = ["/dev/", "/tmp/"];

/// The log that is asked for; `spec` is where `logging` stands.
pub(crate) fn access_log(
    report: &mut Report,
    spec: &Field,
    given: Option<&Logging>,
) -> Option<AccessLog> {
    let file = given?.access_log.as_ref()?.file.as_ref()?;
    let field = spec.key("logging").key("accessLog").key("file");
    let path = path(report, &field.key("path"), file).ok()?;
    let format = file.format.as_ref().map_or(LogFormat::Default, |given| {
        log_format(report, &field.key("format"), given)
    });
    Some(AccessLog { path, format })
}

fn path(report: &mut Report, field: &Field, file: &FileAccessLog) -> Result<Str, LeftOut> {
    let path = file.path.as_str();
    if path.is_empty() || path.contains('\0') {
        return Err(report.error(
            code::INVALID,
            field,
            "it names no file, so nothing is logged",
            "name a file, such as /dev/stdout",
        ));
    }
    let folder = path.rsplit_once('/').map(|(folder, _)| folder);
    if folder == Some("") || path.ends_with('/') {
        return Err(report.error(
            code::REFUSED,
            field,
            format!("{path} is a folder, or would be a file of the root folder, where Envoy may make none; nothing is logged"),
            "log to /dev/stdout, or to a file in a folder below the root",
        ));
    }
    if !WRITABLE.iter().any(|folder| path.starts_with(folder)) {
        report.info(
            code::PROXY_FILE,
            field,
            format!(
                "{path} is a file of the proxy's container; a pod gets its folder when it is made, and where Envoy cannot open the file it refuses the listeners that log to it"
            ),
            "make the pods anew that are older than this setting, or log to /dev/stdout or below /tmp",
        );
    }
    Ok(path.into())
}

/// A part that Envoy would refuse is left out; where nothing is left, lines are as Envoy writes them by itself.
fn log_format(report: &mut Report, field: &Field, given: &LoggingFormat) -> LogFormat {
    match (given.json.as_slice(), &given.text) {
        ([], None) => LogFormat::Default,
        ([], Some(text)) => text_format(report, &field.key("text"), text),
        (json, text) => {
            if text.is_some() {
                report.error(
                    code::CONFLICT,
                    &field.key("text"),
                    "text and json exclude each other; json counts",
                    "keep one of the two",
                );
            }
            json_format(report, &field.key("json"), json)
        }
    }
}

fn text_format(report: &mut Report, field: &Field, text: &str) -> LogFormat {
    if text.is_empty() {
        report.error(
            code::INVALID,
            field,
            "it is empty; lines are as Envoy writes them by itself",
            "write a format, or remove the field",
        );
        return LogFormat::Default;
    }
    match checked(
        report,
        field,
        text,
        "lines are as Envoy writes them by itself",
    ) {
        Ok(()) => LogFormat::Text(text.into()),
        Err(LeftOut) => LogFormat::Default,
    }
}

fn json_format(report: &mut Report, field: &Field, entries: &[JsonFormatField]) -> LogFormat {
    let mut members: BTreeMap<Str, Str> = BTreeMap::new();
    for (index, entry) in entries.iter().enumerate() {
        let field = field.index(index);
        if entry.key.is_empty() {
            report.error(
                code::INVALID,
                &field.key("key"),
                "the key is empty; the entry is left out",
                "name the member of the line",
            );
            continue;
        }
        let value = &field.key("value");
        if checked(report, value, &entry.value, "the entry is left out").is_err() {
            continue;
        }
        let key = Str::from(entry.key.as_str());
        if members.insert(key, entry.value.as_str().into()).is_some() {
            report.warning(
                code::DUPLICATE,
                &field.key("key"),
                format!("{} is there already; the last one counts", entry.key),
                "keep one of the two",
            );
        }
    }
    match members.is_empty() {
        true => LogFormat::Default,
        false => LogFormat::Json(members.into_iter().collect()),
    }
}

/// `otherwise` says what becomes of what Envoy would refuse.
fn checked(report: &mut Report, field: &Field, text: &str, otherwise: &str) -> Result<(), LeftOut> {
    format::check(text).map_err(|error| {
        let message = format!("Envoy refuses it, so {otherwise}: {error}");
        report.error(code::REFUSED, field, message, error.help())
    })
}
