import {
  duplicateField,
  forbiddenField,
  invalidField,
  requiredField,
  tooLong,
  tooMany,
  unsupportedValue,
  type FieldError,
} from "../../apimachinery/field-error.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { repeatsOf } from "../../lib/repeats.ts";
import type { AllocatedDeviceStatus, AllocationResult, DeviceRequestAllocationResult, ResourceClaim, ResourceClaimStatus } from "../types.ts";
import { interfaceAddressErrors } from "../validation/ip.ts";
import { validateConditions } from "../validation/conditions.ts";
import { driverNameErrors } from "../validation/driver-name.ts";
import {
  bindingErrors,
  configurationErrors,
  countErrors,
  deviceNameErrors,
  LIST_MAX,
  poolNameErrors,
  referenceErrors,
  requestNames,
} from "./device-validation.ts";

const USERS_MAX = 256;
const RESULTS_MAX = 32;
const CONDITIONS_MAX = 8;
const DATA_BYTES_MAX = 10 * 1024;
const INTERFACE_NAME_MAX = 256;
const HARDWARE_ADDRESS_MAX = 128;
const ADDRESSES_MAX = 16;
const SOURCES = ["FromClaim", "FromClass"];
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

type DeviceName = Pick<DeviceRequestAllocationResult, "driver" | "pool" | "device" | "shareID">;
const keyOf = ({ driver, pool, device, shareID = "" }: DeviceName) => JSON.stringify([driver, pool, device, shareID]);
const givenDevices = (status: ResourceClaimStatus | undefined) => new Set((status?.allocation?.devices?.results ?? []).map(keyOf));

/** What drivers said of devices that the claim has no longer goes with them. */
export function withoutLostDevices(claim: ResourceClaim, old: ResourceClaim): ResourceClaim {
  const { devices, ...status } = claim.status ?? {};
  if (devices === undefined) return claim;
  const [before, now] = [givenDevices(old.status), givenDevices(claim.status)];
  const kept = devices.filter((device) => now.has(keyOf(device)) || !before.has(keyOf(device)));
  return kept.length === devices.length ? claim : { ...claim, status: { ...status, ...(kept.length === 0 ? {} : { devices: kept }) } };
}

/** Rules for who uses a claim, which devices it has, and what is said of them. */
export function validateClaimStatus(claim: ResourceClaim, old: ResourceClaim): FieldError[] {
  const { allocation, reservedFor = [], devices = [] } = claim.status ?? {};
  const errors: FieldError[] = countErrors(reservedFor, USERS_MAX, "status.reservedFor");
  const [sameUser, sameDevice] = [repeatsOf(reservedFor, ({ uid }) => uid), repeatsOf(devices, keyOf)];
  const known = new Set((old.status?.reservedFor ?? []).map(({ uid }) => uid));
  for (const [index, user] of reservedFor.entries()) {
    const at = `status.reservedFor[${index}]`;
    for (const field of ["resource", "name", "uid"] as const) if (user[field] === "") errors.push(requiredField(`${at}.${field}`));
    if (sameUser[index] === true) errors.push(duplicateField(at, user));
  }
  if (allocation === undefined && reservedFor.length > 0) errors.push(forbiddenField("status.reservedFor", "may not be specified when `allocated` is not set"));
  const added = reservedFor.filter((user) => !known.has(user.uid));
  if (allocation !== undefined && claim.metadata.deletionTimestamp !== undefined && added.length > 0)
    errors.push(forbiddenField("status.reservedFor", "new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set"));
  const given = givenDevices(claim.status);
  for (const [index, device] of devices.entries()) {
    if (sameDevice[index] === true) errors.push(duplicateField(`status.devices[${index}]`, device));
    errors.push(...deviceStatusErrors(device, given, `status.devices[${index}]`));
  }
  if (old.status?.allocation !== undefined && allocation !== undefined)
    return jsonEqual(allocation, old.status.allocation) ? errors : [...errors, invalidField("status.allocation", allocation, "field is immutable")];
  return allocation === undefined ? errors : [...errors, ...allocationErrors(allocation, requestNames(claim.spec.devices ?? {}))];
}

function allocationErrors({ devices, nodeSelector }: AllocationResult, names: ReadonlySet<string>): FieldError[] {
  const { results = [], config = [] } = devices ?? {};
  const at = "status.allocation.devices";
  const errors = [...countErrors(results, RESULTS_MAX, `${at}.results`), ...countErrors(config, 2 * LIST_MAX, `${at}.config`)];
  for (const [index, result] of results.entries()) {
    const path = `${at}.results[${index}]`;
    if (!names.has(result.request))
      errors.push(
        invalidField(
          `${path}.request`,
          result.request,
          "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'",
        ),
      );
    errors.push(...nameErrors(result, path), ...bindingErrors(result.bindingConditions, result.bindingFailureConditions, path));
  }
  for (const [index, entry] of config.entries()) {
    const path = `${at}.config[${index}]`;
    if (entry.source === "") errors.push(requiredField(`${path}.source`));
    else if (!SOURCES.includes(entry.source)) errors.push(unsupportedValue(`${path}.source`, entry.source, SOURCES));
    errors.push(...referenceErrors(entry.requests ?? [], names, `${path}.requests`), ...configurationErrors(entry, path));
  }
  if (nodeSelector !== undefined && nodeSelector.nodeSelectorTerms.length === 0)
    errors.push(requiredField("status.allocation.nodeSelector.nodeSelectorTerms", "must have at least one node selector term"));
  return errors;
}

function nameErrors({ driver, pool, device, shareID }: DeviceName, at: string): FieldError[] {
  return [
    ...driverNameErrors(driver, `${at}.driver`),
    ...poolNameErrors(pool, `${at}.pool`),
    ...deviceNameErrors(device, `${at}.device`),
    ...(shareID === undefined || UUID.test(shareID)
      ? []
      : [
          invalidField(
            `${at}.shareID`,
            shareID,
            "uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase hexadecimal characters",
          ),
        ]),
  ];
}

function deviceStatusErrors(status: AllocatedDeviceStatus, given: ReadonlySet<string>, at: string): FieldError[] {
  const { data, networkData = {} } = status;
  const conditions = status.conditions ?? [];
  const errors = nameErrors(status, at);
  if (!given.has(keyOf(status)))
    errors.push(
      invalidField(
        at,
        `${status.driver}/${status.pool}/${status.device}${status.shareID === undefined ? "" : `/${status.shareID}`}`,
        "must be an allocated device in the claim",
      ),
    );
  if (conditions.length > CONDITIONS_MAX) errors.push(tooMany(`${at}.conditions`, conditions.length, CONDITIONS_MAX));
  errors.push(...validateConditions(conditions, `${at}.conditions`));
  if (data !== undefined && Buffer.byteLength(JSON.stringify(data)) > DATA_BYTES_MAX) errors.push(tooLong(`${at}.data`, DATA_BYTES_MAX));
  if (data !== undefined && (typeof data !== "object" || data === null || Array.isArray(data)))
    errors.push(invalidField(`${at}.data`, "<value omitted>", "must be a valid JSON object"));
  const { interfaceName = "", hardwareAddress = "", ips = [] } = networkData;
  if (Buffer.byteLength(interfaceName) > INTERFACE_NAME_MAX) errors.push(tooLong(`${at}.networkData.interfaceName`, INTERFACE_NAME_MAX));
  if (Buffer.byteLength(hardwareAddress) > HARDWARE_ADDRESS_MAX) errors.push(tooLong(`${at}.networkData.hardwareAddress`, HARDWARE_ADDRESS_MAX));
  errors.push(...countErrors(ips, ADDRESSES_MAX, `${at}.networkData.ips`));
  const repeats = repeatsOf(ips);
  for (const [index, address] of ips.entries()) {
    if (repeats[index] === true) errors.push(duplicateField(`${at}.networkData.ips[${index}]`, address));
    errors.push(...interfaceAddressErrors(address, `${at}.networkData.ips[${index}]`));
  }
  return errors;
}
