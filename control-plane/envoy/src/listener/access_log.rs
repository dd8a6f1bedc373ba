//! What is written of requests and connections.

use tulle_model::Str;
use tulle_model::logging::{self, LogFormat};
use tulle_proto::accesslog::AccessLog;
use tulle_proto::accesslog::access_log::ConfigType;
use tulle_proto::core::data_source::Specifier;
use tulle_proto::core::substitution_format_string::Format;
use tulle_proto::core::{DataSource, SubstitutionFormatString};
use tulle_proto::pb::envoy::extensions::access_loggers::file::v3::{
    FileAccessLog, file_access_log,
};
use tulle_proto::pb::envoy::extensions::access_loggers::stream::v3::{
    StderrAccessLog, StdoutAccessLog, stderr_access_log, stdout_access_log,
};
use tulle_proto::protobuf::value::Kind;
use tulle_proto::protobuf::{Struct, Value};

/// The loggers of a filter: one or none.
///
/// Envoy writes to its own standard output and error without opening a file, which a container's rights could forbid, and for
/// which it would refuse the listener.
pub(super) fn access_log(log: Option<&logging::AccessLog>) -> Vec<AccessLog> {
    let logger = |log: &logging::AccessLog| {
        let format = format(&log.format);
        match &*log.path {
            "/dev/stdout" => logger(
                "envoy.access_loggers.stdout",
                &StdoutAccessLog {
                    access_log_format: format.map(stdout_access_log::AccessLogFormat::LogFormat),
                },
            ),
            "/dev/stderr" => logger(
                "envoy.access_loggers.stderr",
                &StderrAccessLog {
                    access_log_format: format.map(stderr_access_log::AccessLogFormat::LogFormat),
                },
            ),
            path => logger(
                "envoy.access_loggers.file",
                &FileAccessLog {
                    path: path.to_owned(),
                    access_log_format: format.map(file_access_log::AccessLogFormat::LogFormat),
                },
            ),
        }
    };
    log.map(logger).into_iter().collect()
}

fn logger<M: prost::Name>(name: &str, config: &M) -> AccessLog {
    AccessLog {
        name: name.to_owned(),
        config_type: Some(ConfigType::TypedConfig(tulle_proto::any(config))),
        ..Default::default()
    }
}

/// `None` for what Envoy writes by itself.
fn format(format: &LogFormat) -> Option<SubstitutionFormatString> {
    let format = match format {
        LogFormat::Default => return None,
        LogFormat::Text(text) => Format::TextFormatSource(DataSource {
            specifier: Some(Specifier::InlineString(text.to_string())),
            ..Default::default()
        }),
        LogFormat::Json(members) => Format::JsonFormat(Struct {
            fields: members.iter().map(member).collect(),
        }),
    };
    Some(SubstitutionFormatString {
        format: Some(format),
        ..Default::default()
    })
}

fn member((key, text): &(Str, Str)) -> (String, Value) {
    let value = Value {
        kind: Some(Kind::StringValue(text.to_string())),
    };
    (key.to_string(), value)
}
