import { choiceErrors, forbiddenField, invalidField, repeatErrors, requiredField, tooLong, tooMany, type FieldError } from "../../apimachinery/field-error.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import type { AllocatedDeviceStatus, AllocationResult, DeviceRequestAllocationResult, ResourceClaim, ResourceClaimStatus } from "../types.ts";
import { interfaceAddressErrors } from "../validation/ip.ts";
import { validateConditions } from "../validation/conditions.ts";
import { driverNameErrors } from "../validation/driver-name.ts";
import { validateNodeSelector } from "../validation/scheduling.ts";
import {
  bindingErrors,
  configurationErrors,
  deviceNameErrors,
  LIST_MAX,
  listErrors,
  poolNameErrors,
  referenceErrors,
  requestNames,
  requestReferenceErrors,
  setErrors,
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
  const given = givenDevices(claim.status);
  const errors: FieldError[] = [
    ...setErrors(
      reservedFor,
      USERS_MAX,
      "status.reservedFor",
      ({ uid }) => uid,
      (user, at) => (["resource", "name", "uid"] as const).flatMap((field) => (user[field] === "" ? [requiredField(`${at}.${field}`)] : [])),
    ),
    ...devices.flatMap((device, index) => deviceStatusErrors(device, given, `status.devices[${index}]`)),
    ...repeatErrors(devices, "status.devices", keyOf),
  ];
  const known = new Set((old.status?.reservedFor ?? []).map(({ uid }) => uid));
  if (allocation === undefined && reservedFor.length > 0) errors.push(forbiddenField("status.reservedFor", "may not be specified when `allocated` is not set"));
  const added = reservedFor.filter((user) => !known.has(user.uid));
  if (allocation !== undefined && claim.metadata.deletionTimestamp !== undefined && added.length > 0)
    errors.push(forbiddenField("status.reservedFor", "new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set"));
  if (old.status?.allocation !== undefined && allocation !== undefined)
    return jsonEqual(allocation, { devices: {}, ...old.status.allocation })
      ? errors
      : [...errors, invalidField("status.allocation", allocation, "field is immutable")];
  return allocation === undefined ? errors : [...errors, ...allocationErrors(allocation, requestNames(claim.spec.devices ?? {}))];
}

function allocationErrors({ devices, nodeSelector }: AllocationResult, names: ReadonlySet<string>): FieldError[] {
  const { results = [], config = [] } = devices ?? {};
  const at = "status.allocation.devices";
  return [
    ...listErrors(results, RESULTS_MAX, `${at}.results`, (result, path) => [
      ...requestReferenceErrors(result.request, names, `${path}.request`),
      ...nameErrors(result, path),
      ...bindingErrors(result.bindingConditions, result.bindingFailureConditions, path),
      ...shareErrors(result.shareID, `${path}.shareID`),
    ]),
    ...listErrors(config, 2 * LIST_MAX, `${at}.config`, (entry, path) => [
      ...choiceErrors(`${path}.source`, entry.source, SOURCES),
      ...referenceErrors(entry.requests ?? [], names, `${path}.requests`),
      ...configurationErrors(entry, path),
    ]),
    ...(nodeSelector === undefined ? [] : validateNodeSelector(nodeSelector, "status.allocation.nodeSelector")),
  ];
}

function nameErrors({ driver, pool, device }: DeviceName, at: string): FieldError[] {
  return [...driverNameErrors(driver, `${at}.driver`), ...poolNameErrors(pool, `${at}.pool`), ...deviceNameErrors(device, `${at}.device`)];
}

const PLAIN_LENGTH = 32;
const HYPHENS_LENGTH = 36;
const BRACES_LENGTH = 38;
const URN_LENGTH = 45;

/** A UUID in one of its forms is one, yet only the usual form is taken. */
function shareErrors(id: string | undefined, at: string): FieldError[] {
  if (id === undefined || UUID.test(id)) return [];
  const problem = uuidProblem(id);
  return [
    invalidField(
      at,
      id,
      problem === undefined
        ? "uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase hexadecimal characters"
        : `error validating uid: ${problem}`,
    ),
  ];
}

/** Why a text is no UUID in any form, in the words of upstream's parser. */
function uuidProblem(text: string): string | undefined {
  const length = Buffer.byteLength(text);
  if (![PLAIN_LENGTH, HYPHENS_LENGTH, BRACES_LENGTH, URN_LENGTH].includes(length)) return `invalid UUID length: ${length}`;
  if (length === URN_LENGTH && !/^urn:uuid:/i.test(text)) return `invalid urn prefix: ${JSON.stringify(text.slice(0, URN_LENGTH - HYPHENS_LENGTH))}`;
  if (length === BRACES_LENGTH && !/^\{.*\}$/.test(text)) return "invalid bracketed UUID format";
  const plain = text.replace(/^urn:uuid:/i, "").replace(/^\{(.*)\}$/, "$1");
  return /^[0-9a-f]{8}(-?)[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{12}$/i.test(plain) ? undefined : "invalid UUID format";
}

function deviceStatusErrors(status: AllocatedDeviceStatus, given: ReadonlySet<string>, at: string): FieldError[] {
  const { data, networkData = {} } = status;
  const conditions = status.conditions ?? [];
  const errors = [...nameErrors(status, at), ...shareErrors(status.shareID, `${at}.shareID`)];
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
  return [...errors, ...setErrors(ips, ADDRESSES_MAX, `${at}.networkData.ips`, (address) => address, interfaceAddressErrors)];
}
