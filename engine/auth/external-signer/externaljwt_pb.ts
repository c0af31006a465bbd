// The protocol of programs that sign tokens in place of the server (k8s.io/externaljwt, version 1): names, numbers and types are upstream's.
// The description below is a FileDescriptorProto; it was made with @bufbuild/protobuf from the fields listed here.
/* eslint-disable */

import type { GenFile, GenMessage, GenService } from "@bufbuild/protobuf/codegenv2";
import { fileDesc, messageDesc, serviceDesc } from "@bufbuild/protobuf/codegenv2";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { file_google_protobuf_timestamp } from "@bufbuild/protobuf/wkt";
import type { Message } from "@bufbuild/protobuf";

export const file_externaljwt: GenFile = /*@__PURE__*/
  fileDesc("ChFleHRlcm5hbGp3dC5wcm90bxICdjEaH2dvb2dsZS9wcm90b2J1Zi90aW1lc3RhbXAucHJvdG8iIAoOU2lnbkpXVFJlcXVlc3QSDgoGY2xhaW1zGAEgASgJIjQKD1NpZ25KV1RSZXNwb25zZRIOCgZoZWFkZXIYASABKAkSEQoJc2lnbmF0dXJlGAIgASgJIhIKEEZldGNoS2V5c1JlcXVlc3QifAoRRmV0Y2hLZXlzUmVzcG9uc2USFQoEa2V5cxgBIAMoCzIHLnYxLktleRIyCg5kYXRhX3RpbWVzdGFtcBgCIAEoCzIaLmdvb2dsZS5wcm90b2J1Zi5UaW1lc3RhbXASHAoUcmVmcmVzaF9oaW50X3NlY29uZHMYAyABKAMiRwoDS2V5Eg4KBmtleV9pZBgBIAEoCRILCgNrZXkYAiABKAwSIwobZXhjbHVkZV9mcm9tX29pZGNfZGlzY292ZXJ5GAMgASgIIhEKD01ldGFkYXRhUmVxdWVzdCI4ChBNZXRhZGF0YVJlc3BvbnNlEiQKHG1heF90b2tlbl9leHBpcmF0aW9uX3NlY29uZHMYASABKAMytQEKEUV4dGVybmFsSldUU2lnbmVyEi8KBFNpZ24SEi52MS5TaWduSldUUmVxdWVzdBoTLnYxLlNpZ25KV1RSZXNwb25zZRI4CglGZXRjaEtleXMSFC52MS5GZXRjaEtleXNSZXF1ZXN0GhUudjEuRmV0Y2hLZXlzUmVzcG9uc2USNQoITWV0YWRhdGESEy52MS5NZXRhZGF0YVJlcXVlc3QaFC52MS5NZXRhZGF0YVJlc3BvbnNlYgZwcm90bzM", [file_google_protobuf_timestamp]);

export type SignJWTRequest = Message<"v1.SignJWTRequest"> & {
  /** The payload, exactly as it is in the second part of the token. */
  claims: string;
};
export const SignJWTRequestSchema: GenMessage<SignJWTRequest> = /*@__PURE__*/
  messageDesc(file_externaljwt, 0);

export type SignJWTResponse = Message<"v1.SignJWTResponse"> & {
  header: string;
  signature: string;
};
export const SignJWTResponseSchema: GenMessage<SignJWTResponse> = /*@__PURE__*/
  messageDesc(file_externaljwt, 1);

export type FetchKeysRequest = Message<"v1.FetchKeysRequest"> & {
};
export const FetchKeysRequestSchema: GenMessage<FetchKeysRequest> = /*@__PURE__*/
  messageDesc(file_externaljwt, 2);

export type FetchKeysResponse = Message<"v1.FetchKeysResponse"> & {
  keys: Key[];
  dataTimestamp?: Timestamp | undefined;
  refreshHintSeconds: bigint;
};
export const FetchKeysResponseSchema: GenMessage<FetchKeysResponse> = /*@__PURE__*/
  messageDesc(file_externaljwt, 3);

export type Key = Message<"v1.Key"> & {
  keyId: string;
  /** PKIX, DER. */
  key: Uint8Array;
  excludeFromOidcDiscovery: boolean;
};
export const KeySchema: GenMessage<Key> = /*@__PURE__*/
  messageDesc(file_externaljwt, 4);

export type MetadataRequest = Message<"v1.MetadataRequest"> & {
};
export const MetadataRequestSchema: GenMessage<MetadataRequest> = /*@__PURE__*/
  messageDesc(file_externaljwt, 5);

export type MetadataResponse = Message<"v1.MetadataResponse"> & {
  maxTokenExpirationSeconds: bigint;
};
export const MetadataResponseSchema: GenMessage<MetadataResponse> = /*@__PURE__*/
  messageDesc(file_externaljwt, 6);

export const ExternalJWTSigner: GenService<{
  sign: { methodKind: "unary"; input: typeof SignJWTRequestSchema; output: typeof SignJWTResponseSchema };
  fetchKeys: { methodKind: "unary"; input: typeof FetchKeysRequestSchema; output: typeof FetchKeysResponseSchema };
  metadata: { methodKind: "unary"; input: typeof MetadataRequestSchema; output: typeof MetadataResponseSchema };
}> = /*@__PURE__*/
  serviceDesc(file_externaljwt, 0);
