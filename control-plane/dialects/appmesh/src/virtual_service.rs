//! VirtualService.

use tulle_crds::appmesh::{VirtualServiceProvider, VirtualServiceSpec};
use tulle_crds::core::ObjectMeta;
use tulle_model::fragment::{Fragment, Provider, Service};

use crate::field::Field;
use crate::host_aliases::host_aliases;
use crate::hosts;
use crate::names::{self, Pointer};
use crate::report::{LeftOut, Report, code};

/// `None` if the name is no host that a client could call: without it there is nothing to serve.
pub(crate) fn translate(
    report: &mut Report,
    metadata: &ObjectMeta,
    spec: &VirtualServiceSpec,
) -> Option<Fragment> {
    let field = Field::spec();
    let object = report.object().clone();
    let name = names::name(&object.namespace, &object.name);
    let alias = names::alias(spec.aws_name.as_deref(), || names::dotted(&name));
    let provider = spec
        .provider
        .as_ref()
        .and_then(|given| provider(report, &field.key("provider"), given).ok());
    let host = hosts::host(report, &field.key("awsName"), &alias).ok()?;
    Some(Fragment::from(Service {
        name,
        object,
        host_aliases: host_aliases(report, metadata, &host),
        host,
        alias,
        mesh: names::mesh(spec.mesh_ref.as_ref()),
        provider,
    }))
}

fn provider(
    report: &mut Report,
    field: &Field,
    provider: &VirtualServiceProvider,
) -> Result<Provider, LeftOut> {
    match (&provider.virtual_node, &provider.virtual_router) {
        (Some(node), None) => {
            let pointer = Pointer {
                kind: "virtualNode",
                arn: node.virtual_node_arn.as_deref(),
                reference: node.virtual_node_ref.as_ref(),
            };
            names::reference(report, &field.key("virtualNode"), pointer).map(Provider::Workload)
        }
        (None, Some(router)) => {
            let pointer = Pointer {
                kind: "virtualRouter",
                arn: router.virtual_router_arn.as_deref(),
                reference: router.virtual_router_ref.as_ref(),
            };
            names::reference(report, &field.key("virtualRouter"), pointer).map(Provider::Router)
        }
        (None, None) => {
            report.warning(
                code::NO_EFFECT,
                field,
                "the provider is empty, so nobody answers for this service",
                "set virtualNode or virtualRouter",
            );
            Err(LeftOut)
        }
        (Some(_), Some(_)) => Err(report.error(
            code::CONFLICT,
            field,
            "both virtualNode and virtualRouter are set, so nobody answers for this service",
            "remove one of the two",
        )),
    }
}
