"""Who keeps an object as it is written elsewhere: a change by hand is put back, soon or at the next sync."""

from __future__ import annotations

from burnline.runbooks.actions.kubernetes.objects import Meta

ARGO_CD = ("argocd.argoproj.io/instance", "argocd.argoproj.io/tracking-id")  # a label, an annotation
FLUX = {"kustomize.toolkit.fluxcd.io/name": "Flux kustomization", "helm.toolkit.fluxcd.io/name": "Flux Helm release"}
FLUX_OFF = ("kustomize.toolkit.fluxcd.io/reconcile", "disabled")
MANAGERS = {
    "argocd-controller": "Argo CD",
    "argocd-application-controller": "Argo CD",
    "kustomize-controller": "Flux",
    "helm-controller": "Flux",
}
HELM = ("app.kubernetes.io/managed-by", "Helm", "meta.helm.sh/release-name")


def gitops_owner(meta: Meta) -> str | None:
    """The GitOps controller that owns the object, and by which of its marks; None when there is none."""
    for name in ARGO_CD:
        if value := meta.labels.get(name) or meta.annotations.get(name):
            return f"Argo CD ({name}: {value.partition(':')[0]})"
    if meta.annotations.get(FLUX_OFF[0]) != FLUX_OFF[1]:
        for name, owner in FLUX.items():
            if value := meta.labels.get(name):
                return f"{owner} {value} ({name})"
        for each in meta.managedFields:
            if owner := MANAGERS.get(each.manager, ""):
                return f"{owner} (its fields were written by {each.manager})"
    return None


def other_owner(meta: Meta) -> str | None:
    """The object whose controller made this one, such as an InferenceService; None when nobody's did."""
    owner = meta.controller
    return f"{owner.kind} {owner.name}".strip() if owner else None


def helm_release(meta: Meta) -> str | None:
    """The Helm release that installed the object; None when Helm did not."""
    label, value, release = HELM
    return meta.annotations.get(release, "of no name") if meta.labels.get(label) == value else None
