//! The list of them.

use super::Bound::{AtLeast, AtMost, Noted, Times, TimesAtLeast, TimesThat};
use super::{Goal, goal};
use crate::record::Stack::{Floor, IstiodDefault, IstiodTuned, Raw, Tulle};
use crate::scenario::figure;

/// What a proxy holds in a mesh where nobody says who calls whom, in an Envoy that nobody has tuned.
const UNSCOPED: (&str, &str) = ("S14", "all called, plain bootstrap");
/// Why it is not istiod's mesh that it is held against.
const STAND_IN: &str = "stock Envoy refuses istiod's clusters, which name extensions of Istio's own build: Tulle's own mesh stands for its";
/// The mesh that asks for what istiod gives unasked.
const ALIKE: &str = "istiod's features";
const TURNED_ON: &str = "mutual TLS, certificates on the stream, access logs, retries, bounds on connections are on in Tulle";
/// What a certificate is here and there.
const CERTIFICATES: &str = "Tulle makes the key too and sends both on the proxy's stream: what a storm with certificates costs more than one without; \
     istiod signs requests whose keys their clients made, each after a review of its token by the API server";
const ELLIPTIC: &str =
    "its authority has a P-256 key here, in place of the RSA key that it makes by itself";
const MIB: f64 = 1_048_576.0;

/// A change is told to few if its scenario says so; to all, otherwise.
pub(super) const GOALS: &[Goal] = &[
    goal(
        "G1",
        ("S1", "all called"),
        figure::MEMORY_EACH,
        Times(1.5, Floor),
    ),
    goal(
        "G1",
        ("S1 1000×1000", "all called"),
        figure::MEMORY_EACH,
        Times(1.0 / 20.0, IstiodDefault),
    ),
    goal(
        "G1",
        ("S1 1000×1000", "all called"),
        figure::MEMORY_EACH,
        Times(1.0 / 20.0, IstiodTuned),
    ),
    goal(
        "G2",
        ("S5", "×10000"),
        figure::MEMORY_IDLE,
        AtMost(60.0 * MIB),
    ),
    goal(
        "G2",
        ("S5", "×10000"),
        figure::MEMORY_IDLE,
        Times(0.1, IstiodDefault),
    ),
    goal(
        "G2",
        ("S5", "×10000"),
        figure::MEMORY_IDLE,
        Times(0.1, IstiodTuned),
    ),
    goal("G3", ("S1", ""), figure::PEAK, AtMost(1.2)),
    goal("G3", ("S1", ""), figure::REFUSED, AtMost(0.0)),
    goal("G3", ("S12 5000", ""), figure::LAST, AtMost(60.0)),
    goal("G3", ("S12 5000", ""), figure::REFUSED, AtMost(0.0)),
    goal(
        "G3",
        ("S12 5000", ""),
        figure::GROUP_PEAK,
        AtMost(512.0 * MIB),
    ),
    goal("G4", ("S1", ""), figure::LAST, Times(1.5, Floor)),
    goal(
        "G4",
        ("S1 1000×1000", "all called"),
        figure::LAST,
        Times(1.0 / 12.0, IstiodDefault),
    ),
    goal(
        "G4",
        ("S1 1000×1000", "all called"),
        figure::LAST,
        Times(1.0 / 8.0, IstiodTuned),
    ),
    goal("G5", ("S2", ", 10 told"), figure::LAST, AtMost(0.004)),
    goal("G5", ("S2", ", 10 told"), figure::LAST_P99, AtMost(0.010)),
    goal("G5", ("S2", ", 10 told"), figure::OTHERS, AtMost(0.0)),
    goal(
        "G5",
        ("S2 1000×1000", ", 10 told"),
        figure::LAST,
        Times(1.0 / 25.0, IstiodDefault),
    ),
    goal(
        "G5",
        ("S2 1000×1000", ", 10 told"),
        figure::LAST,
        Times(1.0 / 4.0, IstiodTuned),
    ),
    goal("G6", ("S2", "all told"), figure::LAST, Times(1.5, Floor)),
    goal("G6", ("S2", "all told"), figure::LAST, Times(3.0, Raw)),
    goal(
        "G6",
        ("S2 1000×1000", "all told"),
        figure::LAST,
        Times(1.0 / 8.0, IstiodDefault),
    ),
    goal(
        "G6",
        ("S2 1000×1000", "all told"),
        figure::LAST,
        Times(1.0 / 3.0, IstiodTuned),
    ),
    goal("G7", ("S3", "all told"), figure::LAST, Times(1.5, Floor)),
    goal(
        "G7",
        ("S3 1000×1000", "all told"),
        figure::LAST,
        Times(1.0 / 8.0, IstiodDefault),
    ),
    goal("G7", ("S3", ", 10 told"), figure::OTHERS, AtMost(0.0)),
    goal(
        "G7",
        ("S3 1000×1000", "all told"),
        figure::LAST,
        Times(1.0 / 3.0, IstiodTuned),
    ),
    goal("G8", ("S2", "all told"), figure::CPU_EACH, AtMost(40e-6)),
    goal(
        "G8",
        ("S2 1000×1000", "all told"),
        figure::CPU_EACH,
        Times(0.1, IstiodTuned),
    ),
    goal("G9", ("S4", ""), figure::LAST_MAX, AtMost(0.150)),
    goal(
        "G9",
        ("S4", ""),
        figure::LAST_MAX,
        Times(1.0 / 30.0, IstiodDefault),
    ),
    goal("G10", ("S10", "5 s grace"), figure::FAILED, AtMost(0.0)),
    goal("G10", ("S10", "1 s grace"), figure::FAILED, Noted),
    goal(
        "G11",
        ("S2", "all told"),
        figure::WIRE_EACH,
        Times(1.15, Floor),
    ),
    goal(
        "G11",
        ("S2", "all told"),
        figure::WIRE_EACH,
        Times(0.5, IstiodDefault),
    ),
    goal(
        "G12",
        ("S8", "nothing changed"),
        figure::RESOURCES_EACH,
        AtMost(0.0),
    ),
    goal(
        "G12",
        ("S8", "all called, nothing changed"),
        figure::WIRE_EACH,
        Times(1.0 / 500.0, IstiodDefault),
    ),
    goal(
        "G12",
        ("S8", "nothing changed"),
        figure::LAST,
        Times(1.5, Floor),
    ),
    goal("G13", ("S5", "×10000"), figure::FIRST_COMPLETE, AtMost(0.5)),
    goal(
        "G13",
        ("S5", "×10000"),
        figure::FIRST_COMPLETE,
        Times(0.1, IstiodDefault),
    ),
    goal(
        "G14",
        ("S14", "20 called, Tulle's bootstrap"),
        figure::ENVOY_HEAP,
        TimesThat(1.0 / 8.0, Tulle, UNSCOPED),
    )
    .remark(STAND_IN),
    goal(
        "G14",
        ("S14", "20 called, Tulle's bootstrap"),
        figure::ENVOY_MEMORY,
        TimesThat(0.6, Tulle, UNSCOPED),
    )
    .remark(STAND_IN),
    goal(
        "G14",
        ("S14", "20 called, Tulle's bootstrap"),
        figure::ENVOY_CPU,
        TimesThat(1.0 / 20.0, Tulle, UNSCOPED),
    )
    .remark(STAND_IN),
    goal(
        "G15",
        ("S6", ""),
        figure::CERTIFICATES_CORE,
        AtLeast(6_000.0),
    ),
    goal(
        "G15",
        ("S6", ""),
        figure::CERTIFICATES_CORE,
        TimesAtLeast(5.0, IstiodDefault),
    )
    .remark(CERTIFICATES),
    goal(
        "G15",
        ("S6", ""),
        figure::CERTIFICATES_CORE,
        TimesAtLeast(2.0, IstiodTuned),
    )
    .remark(ELLIPTIC),
    goal("G16", ("S7", "200/s"), figure::ANSWER_P99, AtMost(0.002)),
    goal(
        "G16",
        ("S7", "8 connections"),
        figure::RATE_CORE,
        TimesAtLeast(10.0, IstiodDefault),
    ),
    goal("G17", ("S9", ""), figure::FILES, AtMost(0.0)),
    goal("G17", ("S9", ""), figure::TASKS, AtMost(0.0)),
    goal("G17", ("S9", ""), figure::SLOPE_SHARE, AtMost(0.01)),
    goal(
        "G17",
        ("S9", ""),
        figure::CPU,
        Times(1.0 / 20.0, IstiodDefault),
    ),
    goal("G18", ("S11", ""), figure::MESSAGES, AtMost(0.0)),
    goal(
        "G18",
        ("S11", ""),
        figure::CPU_EACH,
        Times(1.0 / 50.0, IstiodDefault),
    ),
    goal(
        "alike",
        ("S1", ALIKE),
        figure::MEMORY_EACH,
        Times(1.0 / 20.0, IstiodDefault),
    )
    .remark(TURNED_ON),
    goal(
        "alike",
        ("S1", ALIKE),
        figure::LAST,
        Times(1.0 / 12.0, IstiodDefault),
    ),
    goal("alike", ("S1", ALIKE), figure::BYTES_EACH, Noted),
    goal("stuck", ("S13", ""), figure::MEMORY_STUCK, AtMost(1.1)),
    goal("stuck", ("S13", ""), figure::OTHERS_P99, AtMost(1.1)),
];

/// Where each workload calls few services, and where each calls all.
const FEW: &str = "20 called";
const ALL: &str = "all called";

/// What a change to a hot path must not go beyond. Counts and bytes are the same in every run and bounded by the goal. Memory and
/// CPU are steady, and bounded by what they are, and two fifths; waiting times are not, on cores that the proxies share, and
/// bounded by what they are, and three quarters. Whatever costs half as much again is found by one of them.
pub(super) const GUARDS: &[Goal] = &[
    goal("storm", ("S1", ""), figure::REFUSED, AtMost(0.0)),
    goal("storm", ("S1", ""), figure::PEAK, AtMost(1.2)),
    goal("storm", ("S1", FEW), figure::MEMORY_EACH, Times(1.5, Floor)),
    goal("storm", ("S1", ALL), figure::MEMORY_EACH, Times(2.0, Floor)),
    goal("storm", ("S1", FEW), figure::CPU, Times(2.2, Floor)),
    goal("storm", ("S1", ALL), figure::CPU, Times(3.4, Floor)),
    goal("storm", ("S1", FEW), figure::LAST, Times(2.6, Floor)),
    goal("storm", ("S1", ALL), figure::LAST, Times(2.7, Floor)),
    goal("few", ("S2", ", 10 told"), figure::OTHERS, AtMost(0.0)),
    goal("few", ("S3", ", 10 told"), figure::OTHERS, AtMost(0.0)),
    goal("few", ("S2", ", 10 told"), figure::LAST, AtMost(0.004)),
    goal("all", ("S2", "all told"), figure::LAST, Times(2.3, Floor)),
    goal("all", ("S3", "all told"), figure::LAST, Times(2.5, Floor)),
    goal(
        "all",
        ("S2", "all told"),
        figure::CPU_EACH,
        Times(2.0, Floor),
    ),
    goal(
        "all",
        ("S3", "all told"),
        figure::CPU_EACH,
        Times(2.7, Floor),
    ),
    goal(
        "all",
        ("S2", "all told"),
        figure::WIRE_EACH,
        Times(1.15, Floor),
    ),
    goal(
        "warm",
        ("S8", "nothing changed"),
        figure::RESOURCES_EACH,
        AtMost(0.0),
    ),
    goal(
        "warm",
        ("S8", "nothing changed"),
        figure::CPU,
        Times(2.5, Floor),
    ),
    goal("idle", ("S11", ""), figure::MESSAGES, AtMost(0.0)),
];
