import { formatTime, type Clock } from "../../lib/clock.ts";
import type { Device, ResourceSlice } from "../../resources/types.ts";
import { isKind, type AdmissionPlugin } from "../admission.ts";

/** A taint of a device counts from when it is first told of, unless the driver says since when: pods may tolerate it for a time. */
export function deviceTaintTimes(clock: Clock): AdmissionPlugin {
  return {
    name: "DeviceTaintTimes",
    mutate(attributes) {
      if (!isKind(attributes, "resource.k8s.io", "resourceslices")) return attributes.object;
      const slice = attributes.object as ResourceSlice & typeof attributes.object; // isKind
      const isTimeless = ({ taints = [] }: Device) => taints.some(({ timeAdded }) => timeAdded === undefined);
      if (slice.spec.devices?.some(isTimeless) !== true) return slice;
      const timeAdded = formatTime(clock.now());
      const devices = slice.spec.devices.map((device) =>
        isTimeless(device) ? { ...device, taints: (device.taints ?? []).map((taint) => ({ timeAdded, ...taint })) } : device,
      );
      return { ...slice, spec: { ...slice.spec, devices } };
    },
  };
}
