//! Certificates, whom to trust, and names: what listeners and client policies write alike.
//!
//! Every part is checked before it is used, and one that cannot be used is left out with an error, so that whoever asks for
//! TLS never gets less than it says.

use std::collections::BTreeSet;

use tulle_crds::appmesh::{
    AcmCertificate, AcmTrust, FileCertificate, FileTrust, SdsSecret, SubjectAlternativeNames,
};
use tulle_model::Str;
use tulle_model::tls::{Certificate, Trust};

use crate::field::Field;
use crate::report::{LeftOut, Report, code};

/// Begins the `secretName` of a secret that is a Kubernetes Secret of the proxy's own namespace.
const KUBERNETES: &str = "kubernetes://";

/// What AWS's API and the schema take.
const LONGEST_PATH: usize = 255;
const LONGEST_NAME: usize = 254;
/// A Kubernetes name.
const LONGEST_SECRET: usize = 253;

/// The members that a certificate or a trust may have, of which exactly one has to be there.
pub(crate) struct Parts<'a, Acm, File> {
    /// Where the schema has it.
    pub(crate) acm: Option<Option<&'a Acm>>,
    pub(crate) file: Option<&'a File>,
    pub(crate) sds: Option<&'a SdsSecret>,
}

/// The members of a certificate.
pub(crate) type CertificateParts<'a> = Parts<'a, AcmCertificate, FileCertificate>;
/// The members of a trust.
pub(crate) type TrustParts<'a> = Parts<'a, AcmTrust, FileTrust>;

/// The one member that is there.
enum Member<'a, File> {
    Acm,
    File(&'a File),
    Sds(Source),
}

impl<'a, Acm, File> Parts<'a, Acm, File> {
    fn one(&self, report: &mut Report, field: &Field) -> Result<Member<'a, File>, LeftOut> {
        let Self { acm, file, sds } = *self;
        let acm_member = acm.map(|acm| ("acm", acm.is_some()));
        let members = acm_member
            .into_iter()
            .chain([("file", file.is_some()), ("sds", sds.is_some())]);
        exactly_one(report, field, members)?;
        match (file, sds) {
            (Some(file), _) => Ok(Member::File(file)),
            (None, Some(sds)) => Ok(Member::Sds(secret(report, &field.key("sds"), sds)?)),
            (None, None) => Ok(Member::Acm),
        }
    }
}

/// A certificate; exactly one of its members has to be there.
pub(crate) fn certificate(
    report: &mut Report,
    field: &Field,
    given: &CertificateParts<'_>,
) -> Result<Certificate, LeftOut> {
    match given.one(report, field)? {
        Member::File(file) => {
            let field = field.key("file");
            let chain = path(
                report,
                &field.key("certificateChain"),
                &file.certificate_chain,
            );
            let key = path(report, &field.key("privateKey"), &file.private_key);
            Ok(Certificate::File {
                chain: chain?,
                key: key?,
            })
        }
        Member::Sds(Source::Kubernetes(name)) => Ok(Certificate::Secret { name }),
        Member::Sds(Source::Socket(secret)) => Ok(Certificate::Sds { secret }),
        Member::Acm => {
            report.info(
                code::ACM_WITHOUT_AWS,
                &field.key("acm"),
                "there is no AWS Certificate Manager here: the certificate is one that Tulle's own authority makes for each \
                 of the node's proxies, and renews; the ARN is not looked at",
                "clients that trust acm trust it too; others find the root in the ConfigMap of their namespace",
            );
            Ok(Certificate::Mesh)
        }
    }
}

/// Whom to trust; exactly one of the members has to be there.
pub(crate) fn trust(
    report: &mut Report,
    field: &Field,
    given: &TrustParts<'_>,
) -> Result<Trust, LeftOut> {
    match given.one(report, field)? {
        Member::File(file) => {
            let field = field.key("file").key("certificateChain");
            let chain = path(report, &field, &file.certificate_chain)?;
            Ok(Trust::File { chain })
        }
        Member::Sds(Source::Kubernetes(name)) => Ok(Trust::Secret { name }),
        Member::Sds(Source::Socket(secret)) => Ok(Trust::Sds { secret }),
        Member::Acm => {
            report.info(
                code::ACM_WITHOUT_AWS,
                &field.key("acm"),
                "there is no AWS Private CA here: Tulle's own authority is trusted in its place; the ARNs are not looked at",
                "to trust another authority, write file or sds",
            );
            Ok(Trust::Mesh)
        }
    }
}

/// The names of `subjectAlternativeNames`, sorted, each once; `None` where there are none to be written.
pub(crate) fn names(
    report: &mut Report,
    validation: &Field,
    given: Option<&SubjectAlternativeNames>,
) -> Result<Option<Vec<Str>>, LeftOut> {
    let Some(given) = given else { return Ok(None) };
    let field = ["subjectAlternativeNames", "match", "exact"]
        .into_iter()
        .fold(validation.clone(), |field, key| field.key(key));
    if given.match_.exact.is_empty() {
        return Err(report.error(
            code::MISSING,
            &field,
            "no name is listed, so none could be right",
            "list a name, or remove subjectAlternativeNames",
        ));
    }
    let mut names = BTreeSet::new();
    let mut whole = Ok(());
    for (index, name) in given.match_.exact.iter().enumerate() {
        let field = field.index(index);
        match text(report, &field, name, LONGEST_NAME) {
            Ok(name) => {
                names.insert(name);
            }
            Err(left_out) => whole = Err(left_out),
        }
    }
    whole.map(|()| Some(names.into_iter().collect()))
}

/// Of members that exclude each other one must be there.
fn exactly_one(
    report: &mut Report,
    field: &Field,
    members: impl Iterator<Item = (&'static str, bool)>,
) -> Result<(), LeftOut> {
    let members: Vec<_> = members.collect();
    let known: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
    let known = known.join(", ");
    let set: Vec<&str> = members
        .iter()
        .filter(|(_, set)| *set)
        .map(|(name, _)| *name)
        .collect();
    match &*set {
        [_] => Ok(()),
        [] => Err(report.error(
            code::MISSING,
            field,
            format!("none of {known} is set"),
            format!("set exactly one of {known}"),
        )),
        several => Err(report.error(
            code::CONFLICT,
            field,
            format!("{} exclude each other", several.join(" and ")),
            "keep the one that is meant",
        )),
    }
}

/// Where a secret's name leads.
enum Source {
    /// To a Kubernetes Secret.
    Kubernetes(Str),
    /// To the secret server on a local socket.
    Socket(Str),
}

fn secret(report: &mut Report, field: &Field, given: &SdsSecret) -> Result<Source, LeftOut> {
    let field = field.key("secretName");
    let Some(name) = given.secret_name.strip_prefix(KUBERNETES) else {
        // A Kubernetes Secret's name may be as long as that; others are SPIFFE ids, which end at 2,048 bytes.
        return text(report, &field, &given.secret_name, 2048).map(Source::Socket);
    };
    let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let fits = |part: &str| {
        part.starts_with(is_inner)
            && part.ends_with(is_inner)
            && part.chars().all(|c| is_inner(c) || c == '-')
    };
    if name.len() <= LONGEST_SECRET && name.split('.').all(fits) {
        return Ok(Source::Kubernetes(name.into()));
    }
    Err(report.error(
        code::INVALID,
        &field,
        format!("{name:?} is no name of a Kubernetes Secret"),
        format!("write {KUBERNETES} and the name of a Secret of this namespace"),
    ))
}

/// A path inside the Envoy container.
fn path(report: &mut Report, field: &Field, given: &str) -> Result<Str, LeftOut> {
    text(report, field, given, LONGEST_PATH)
}

fn text(report: &mut Report, field: &Field, given: &str, longest: usize) -> Result<Str, LeftOut> {
    let wrong = if given.is_empty() {
        "is empty".to_owned()
    } else if given.chars().count() > longest {
        format!("is longer than {longest} characters")
    } else if given.chars().any(char::is_control) {
        "holds a control character".to_owned()
    } else {
        return Ok(given.into());
    };
    Err(report.error(
        code::INVALID,
        field,
        format!("the value {wrong}"),
        format!("write 1 to {longest} printable characters"),
    ))
}
