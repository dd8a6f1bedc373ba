//! Secrets that are there instead of asked for.

use std::collections::BTreeMap;

use prost::Message;
use tulle_proto::core::TransportSocket;
use tulle_proto::core::config_source::ConfigSourceSpecifier;
use tulle_proto::core::transport_socket::ConfigType;
use tulle_proto::tls::common_tls_context::ValidationContextType;
use tulle_proto::tls::{
    CommonTlsContext, DownstreamTlsContext, SdsSecretConfig, Secret, UpstreamTlsContext,
};

use super::StaticBootstrapError;

/// Has the sockets of a resource take the bootstrap's own secrets: a name without a source means those. What another server
/// has stays there.
pub(super) fn inline<'s>(
    resource: &str,
    sockets: impl Iterator<Item = &'s mut TransportSocket>,
    secrets: &BTreeMap<String, Secret>,
) -> Result<(), StaticBootstrapError> {
    for socket in sockets {
        let Some(ConfigType::TypedConfig(any)) = &mut socket.config_type else {
            continue;
        };
        let unreadable = |source| StaticBootstrapError::unreadable(resource, source);
        if any.type_url == <UpstreamTlsContext as prost::Name>::type_url() {
            let mut context = UpstreamTlsContext::decode(&*any.value).map_err(unreadable)?;
            common(resource, context.common_tls_context.as_mut(), secrets)?;
            *any = tulle_proto::any(&context);
        } else if any.type_url == <DownstreamTlsContext as prost::Name>::type_url() {
            let mut context = DownstreamTlsContext::decode(&*any.value).map_err(unreadable)?;
            common(resource, context.common_tls_context.as_mut(), secrets)?;
            *any = tulle_proto::any(&context);
        }
    }
    Ok(())
}

fn common(
    resource: &str,
    context: Option<&mut CommonTlsContext>,
    secrets: &BTreeMap<String, Secret>,
) -> Result<(), StaticBootstrapError> {
    let Some(context) = context else {
        return Ok(());
    };
    let roots = match &mut context.validation_context_type {
        Some(ValidationContextType::CombinedValidationContext(combined)) => {
            combined.validation_context_sds_secret_config.as_mut()
        }
        Some(ValidationContextType::ValidationContextSdsSecretConfig(config)) => Some(config),
        _ => None,
    };
    let own = context.tls_certificate_sds_secret_configs.iter_mut();
    for SdsSecretConfig { name, sds_config } in own.chain(roots) {
        let source = sds_config.as_ref();
        let source = source.and_then(|config| config.config_source_specifier.as_ref());
        if !matches!(source, Some(ConfigSourceSpecifier::Ads(_))) {
            continue;
        }
        if !secrets.contains_key(name) {
            return Err(StaticBootstrapError::NoSecret {
                resource: resource.to_owned(),
                secret: name.clone(),
            });
        }
        *sds_config = None;
    }
    Ok(())
}
