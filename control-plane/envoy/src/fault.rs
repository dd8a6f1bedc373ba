//! Envoy's fault filter: requests that wait or are answered on purpose.
//!
//! In the listener the filter says nothing, and does nothing; what becomes of which requests is their routes' word.

use tulle_model::extras::{Abort, AbortAnswer, Delay, Fault};
use tulle_proto::pb::envoy::extensions::filters::common::fault::v3::FaultDelay;
use tulle_proto::pb::envoy::extensions::filters::common::fault::v3::fault_delay::FaultDelaySecifier;
use tulle_proto::pb::envoy::extensions::filters::http::fault::v3::fault_abort::ErrorType;
use tulle_proto::pb::envoy::extensions::filters::http::fault::v3::{FaultAbort, HttpFault};
use tulle_proto::route::Route;

use crate::wire;

/// The filter's name, by which its part of a route finds it.
pub(crate) const FILTER: &str = "envoy.filters.http.fault";

/// The filter of a listener some of whose routes have faults.
pub(crate) fn filter() -> HttpFault {
    HttpFault {
        // There are statistics of the listener's; a further set for every caller's name would grow with them.
        disable_downstream_cluster_stats: true,
        ..Default::default()
    }
}

/// Has a route's requests fail.
pub(crate) fn inject(route: &mut Route, fault: Fault) {
    let config = HttpFault {
        delay: fault.delay.map(delay),
        abort: fault.abort.map(abort),
        ..filter()
    };
    let filters = &mut route.typed_per_filter_config;
    filters.insert(FILTER.to_owned(), tulle_proto::any(&config));
}

fn delay(delay: Delay) -> FaultDelay {
    FaultDelay {
        percentage: Some(wire::fraction(delay.share)),
        fault_delay_secifier: Some(FaultDelaySecifier::FixedDelay(wire::duration(
            delay.duration,
        ))),
    }
}

fn abort(abort: Abort) -> FaultAbort {
    FaultAbort {
        percentage: Some(wire::fraction(abort.share)),
        error_type: Some(match abort.answer {
            AbortAnswer::Http(status) => ErrorType::HttpStatus(status.into()),
            AbortAnswer::Grpc(status) => ErrorType::GrpcStatus(status),
        }),
        ..Default::default()
    }
}
