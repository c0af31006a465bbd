// The protocol of key management plugins (k8s.io/kms, version 2) and the message that sealed values are kept in: names, numbers and types
// are upstream's. The description below is a FileDescriptorProto; it was made with @bufbuild/protobuf from the fields listed here.
/* eslint-disable */

import type { GenFile, GenMessage, GenService } from "@bufbuild/protobuf/codegenv2";
import { fileDesc, messageDesc, serviceDesc } from "@bufbuild/protobuf/codegenv2";
import type { Message } from "@bufbuild/protobuf";

export const file_kms: GenFile = /*@__PURE__*/
  fileDesc("CglrbXMucHJvdG8SAnYyIg8KDVN0YXR1c1JlcXVlc3QiWwoOU3RhdHVzUmVzcG9uc2USGAoHdmVyc2lvbhgBIAEoCVIHdmVyc2lvbhIYCgdoZWFsdGh6GAIgASgJUgdoZWFsdGh6EhUKBmtleV9pZBgDIAEoCVIFa2V5SWQi4AEKDkRlY3J5cHRSZXF1ZXN0Eh4KCmNpcGhlcnRleHQYASABKAxSCmNpcGhlcnRleHQSEAoDdWlkGAIgASgJUgN1aWQSFQoGa2V5X2lkGAMgASgJUgVrZXlJZBJFCgthbm5vdGF0aW9ucxgEIAMoCzIjLnYyLkRlY3J5cHRSZXF1ZXN0LkFubm90YXRpb25zRW50cnlSC2Fubm90YXRpb25zGj4KEEFubm90YXRpb25zRW50cnkSEAoDa2V5GAEgASgJUgNrZXkSFAoFdmFsdWUYAiABKAxSBXZhbHVlOgI4ASIvCg9EZWNyeXB0UmVzcG9uc2USHAoJcGxhaW50ZXh0GAEgASgMUglwbGFpbnRleHQiQAoORW5jcnlwdFJlcXVlc3QSHAoJcGxhaW50ZXh0GAEgASgMUglwbGFpbnRleHQSEAoDdWlkGAIgASgJUgN1aWQi0AEKD0VuY3J5cHRSZXNwb25zZRIeCgpjaXBoZXJ0ZXh0GAEgASgMUgpjaXBoZXJ0ZXh0EhUKBmtleV9pZBgCIAEoCVIFa2V5SWQSRgoLYW5ub3RhdGlvbnMYAyADKAsyJC52Mi5FbmNyeXB0UmVzcG9uc2UuQW5ub3RhdGlvbnNFbnRyeVILYW5ub3RhdGlvbnMaPgoQQW5ub3RhdGlvbnNFbnRyeRIQCgNrZXkYASABKAlSA2tleRIUCgV2YWx1ZRgCIAEoDFIFdmFsdWU6AjgBIr0CCg9FbmNyeXB0ZWRPYmplY3QSJAoNZW5jcnlwdGVkRGF0YRgBIAEoDFINZW5jcnlwdGVkRGF0YRIUCgVrZXlJRBgCIAEoCVIFa2V5SUQSLgoSZW5jcnlwdGVkREVLU291cmNlGAMgASgMUhJlbmNyeXB0ZWRERUtTb3VyY2USRgoLYW5ub3RhdGlvbnMYBCADKAsyJC52Mi5FbmNyeXB0ZWRPYmplY3QuQW5ub3RhdGlvbnNFbnRyeVILYW5ub3RhdGlvbnMSNgoWZW5jcnlwdGVkREVLU291cmNlVHlwZRgFIAEoBVIWZW5jcnlwdGVkREVLU291cmNlVHlwZRo+ChBBbm5vdGF0aW9uc0VudHJ5EhAKA2tleRgBIAEoCVIDa2V5EhQKBXZhbHVlGAIgASgMUgV2YWx1ZToCOAEyrwEKFEtleU1hbmFnZW1lbnRTZXJ2aWNlEi8KBlN0YXR1cxIRLnYyLlN0YXR1c1JlcXVlc3QaEi52Mi5TdGF0dXNSZXNwb25zZRIyCgdEZWNyeXB0EhIudjIuRGVjcnlwdFJlcXVlc3QaEy52Mi5EZWNyeXB0UmVzcG9uc2USMgoHRW5jcnlwdBISLnYyLkVuY3J5cHRSZXF1ZXN0GhMudjIuRW5jcnlwdFJlc3BvbnNlYgZwcm90bzM");

export type StatusRequest = Message<"v2.StatusRequest"> & {
};
export const StatusRequestSchema: GenMessage<StatusRequest> = /*@__PURE__*/
  messageDesc(file_kms, 0);

export type StatusResponse = Message<"v2.StatusResponse"> & {
  version: string;
  healthz: string;
  keyId: string;
};
export const StatusResponseSchema: GenMessage<StatusResponse> = /*@__PURE__*/
  messageDesc(file_kms, 1);

export type DecryptRequest = Message<"v2.DecryptRequest"> & {
  ciphertext: Uint8Array;
  uid: string;
  keyId: string;
  annotations: { [key: string]: Uint8Array };
};
export const DecryptRequestSchema: GenMessage<DecryptRequest> = /*@__PURE__*/
  messageDesc(file_kms, 2);

export type DecryptResponse = Message<"v2.DecryptResponse"> & {
  plaintext: Uint8Array;
};
export const DecryptResponseSchema: GenMessage<DecryptResponse> = /*@__PURE__*/
  messageDesc(file_kms, 3);

export type EncryptRequest = Message<"v2.EncryptRequest"> & {
  plaintext: Uint8Array;
  uid: string;
};
export const EncryptRequestSchema: GenMessage<EncryptRequest> = /*@__PURE__*/
  messageDesc(file_kms, 4);

export type EncryptResponse = Message<"v2.EncryptResponse"> & {
  ciphertext: Uint8Array;
  keyId: string;
  annotations: { [key: string]: Uint8Array };
};
export const EncryptResponseSchema: GenMessage<EncryptResponse> = /*@__PURE__*/
  messageDesc(file_kms, 5);

export type EncryptedObject = Message<"v2.EncryptedObject"> & {
  encryptedData: Uint8Array;
  keyID: string;
  encryptedDEKSource: Uint8Array;
  annotations: { [key: string]: Uint8Array };
  encryptedDEKSourceType: number;
};
export const EncryptedObjectSchema: GenMessage<EncryptedObject> = /*@__PURE__*/
  messageDesc(file_kms, 6);

export const KeyManagementService: GenService<{
  status: { methodKind: "unary"; input: typeof StatusRequestSchema; output: typeof StatusResponseSchema };
  decrypt: { methodKind: "unary"; input: typeof DecryptRequestSchema; output: typeof DecryptResponseSchema };
  encrypt: { methodKind: "unary"; input: typeof EncryptRequestSchema; output: typeof EncryptResponseSchema };
}> = /*@__PURE__*/
  serviceDesc(file_kms, 0);
