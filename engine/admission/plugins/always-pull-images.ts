import { unsupportedValue } from "../../apimachinery/field-error.ts";
import { forbidden } from "../../apimachinery/status-error.ts";
import { podResource } from "../../resources/core/pod.ts";
import type { Pod } from "../../resources/types.ts";
import { isKind, requestName, type AdmissionAttributes, type AdmissionPlugin } from "../admission.ts";

const ALWAYS = "Always";
const LISTS = ["initContainers", "containers", "ephemeralContainers"] as const;

/**
 * Images are pulled whenever a container starts, so that nobody runs a private image only because somebody else has brought it to the
 * node. Off unless asked for.
 */
export const alwaysPullImages: AdmissionPlugin = {
  name: "AlwaysPullImages",
  mutate(attributes) {
    if (!concerns(attributes)) return attributes.object;
    const pod = attributes.object as Pod; // concerns
    const lists = Object.fromEntries(
      LISTS.flatMap((list) => (pod.spec[list] === undefined ? [] : [[list, pod.spec[list].map((container) => ({ ...container, imagePullPolicy: ALWAYS }))]])),
    );
    const volumes = pod.spec.volumes?.map((volume) => (volume.image === undefined ? volume : { ...volume, image: { ...volume.image, pullPolicy: ALWAYS } }));
    return { ...pod, spec: { ...pod.spec, ...lists, ...(volumes === undefined ? {} : { volumes }) } };
  },
  validate(attributes) {
    if (!concerns(attributes) || attributes.object === undefined) return;
    const pod = attributes.object as unknown as Pod; // concerns
    for (const list of LISTS) {
      for (const [index, { imagePullPolicy }] of (pod.spec[list] ?? []).entries()) {
        if (imagePullPolicy === ALWAYS) continue;
        const { field, message } = unsupportedValue(`spec.${list}[${index}].imagePullPolicy`, imagePullPolicy ?? "", [ALWAYS]);
        throw forbidden(podResource, requestName(attributes), `${field}: ${message}`);
      }
    }
  },
};

/** New pods, and changes that bring in an image which was not there. */
function concerns(attributes: AdmissionAttributes): boolean {
  if (!isKind(attributes, "", "pods") || (attributes.subresource !== undefined && attributes.subresource !== "ephemeralcontainers")) return false;
  if (attributes.operation === "CREATE") return true;
  if (attributes.operation !== "UPDATE" || attributes.object === undefined || attributes.old === undefined) return false;
  const known = new Set(imagesOf(attributes.old as unknown as Pod)); // isKind
  return imagesOf(attributes.object as unknown as Pod).some((image) => !known.has(image)); // isKind
}

function imagesOf({ spec }: Pod): readonly string[] {
  return [...LISTS.flatMap((list) => (spec[list] ?? []).map(({ image = "" }) => image)), ...(spec.volumes ?? []).map(({ image }) => image?.reference ?? "")];
}
