//! What a listener says of TLS.

use tulle_crds::appmesh;
use tulle_model::tls::{Certificate, ClientValidation, ServerTls, TlsMode};

use crate::field::Field;
use crate::report::{LeftOut, Report};
use crate::tls::{self, CertificateParts, TrustParts};

/// A listener's TLS, whoever it belongs to.
pub(crate) struct ServerTlsParts<'a> {
    mode: appmesh::TlsMode,
    certificate: &'a appmesh::ListenerTlsCertificate,
    validation: Option<Validation<'a>>,
}

/// Whom a listener trusts, and names of theirs.
type Validation<'a> = (TrustParts<'a>, Option<&'a appmesh::SubjectAlternativeNames>);

impl<'a> From<&'a appmesh::ListenerTls> for ServerTlsParts<'a> {
    fn from(given: &'a appmesh::ListenerTls) -> Self {
        Self {
            mode: given.mode,
            certificate: &given.certificate,
            validation: given.validation.as_ref().map(|given| {
                let appmesh::ListenerTlsTrust { file, sds } = &given.trust;
                let trust = TrustParts {
                    acm: None,
                    file: file.as_ref(),
                    sds: sds.as_ref(),
                };
                (trust, given.subject_alternative_names.as_ref())
            }),
        }
    }
}

impl<'a> From<&'a appmesh::VirtualGatewayListenerTls> for ServerTlsParts<'a> {
    /// The schema has a trust by ACM here, which AWS never honoured; its word means what it means in client policies.
    fn from(given: &'a appmesh::VirtualGatewayListenerTls) -> Self {
        Self {
            mode: given.mode,
            certificate: &given.certificate,
            validation: given.validation.as_ref().map(|given| {
                let appmesh::TlsTrust { acm, file, sds } = &given.trust;
                let trust = TrustParts {
                    acm: Some(acm.as_ref()),
                    file: file.as_ref(),
                    sds: sds.as_ref(),
                };
                (trust, given.subject_alternative_names.as_ref())
            }),
        }
    }
}

/// The listener's TLS as the model keeps it. One that cannot be used leaves the listener out, but for one that is not used
/// at all.
pub(crate) fn server_tls<'a>(
    report: &mut Report,
    field: &Field,
    given: impl Into<ServerTlsParts<'a>>,
) -> Result<ServerTls, LeftOut> {
    let given = given.into();
    if given.mode == appmesh::TlsMode::Disabled {
        return Ok(ServerTls {
            mode: TlsMode::Disabled,
            certificate: Certificate::Mesh,
            validation: None,
        });
    }
    let parts = CertificateParts {
        acm: Some(given.certificate.acm.as_ref()),
        file: given.certificate.file.as_ref(),
        sds: given.certificate.sds.as_ref(),
    };
    let certificate = tls::certificate(report, &field.key("certificate"), &parts);
    let field = field.key("validation");
    let validation = given.validation.map(|(trust, names)| {
        let trust = tls::trust(report, &field.key("trust"), &trust);
        let names = tls::names(report, &field, names);
        Ok(ClientValidation {
            trust: trust?,
            names: names?.unwrap_or_default(),
        })
    });
    Ok(ServerTls {
        mode: match given.mode {
            appmesh::TlsMode::Permissive => TlsMode::Permissive,
            _ => TlsMode::Strict,
        },
        certificate: certificate?,
        validation: validation.transpose()?,
    })
}
