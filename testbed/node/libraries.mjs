// DevCycle's two bucketing libraries, set up as its SDKs do, behind one small interface.
import "reflect-metadata"; // class-transformer's decorators in @devcycle/types want it first
import { createRequire } from "node:module";
import { plainToInstance } from "class-transformer";

const require = createRequire(import.meta.url);
const { generateBucketedConfig } = require("@devcycle/bucketing");
const { instantiate, ProtobufTypes } = require("@devcycle/bucketing-assembly-script");
const { ConfigBody } = require("@devcycle/types");

const SDK_KEY = "dvc_server_testbed";

/** Versions of what is measured, by package name. */
export const versions = Object.fromEntries(
  ["@devcycle/bucketing", "@devcycle/bucketing-assembly-script"].map((name) => [name, require(`${name}/package.json`).version]),
);

const nullable = (value) => (value == null ? { isNull: true } : { value, isNull: false });

function customData(data) {
  const typed = (value) => {
    switch (typeof value) {
      case "boolean":
        return { type: ProtobufTypes.CustomDataType.Bool, boolValue: value };
      case "number":
        return { type: ProtobufTypes.CustomDataType.Num, doubleValue: value };
      case "string":
        return { type: ProtobufTypes.CustomDataType.Str, stringValue: value };
      default:
        return { type: ProtobufTypes.CustomDataType.Null };
    }
  };
  if (data == null) return { isNull: true };
  return { value: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, typed(value)])), isNull: false };
}

/** The request `variableForUser_PB` takes. Tracking is off: no event is queued, only the decision is made. */
function variableRequest(user, variable) {
  const request = ProtobufTypes.VariableForUserParams_PB.create({
    sdkKey: SDK_KEY,
    variableKey: variable.key,
    variableType: ProtobufTypes.VariableType_PB[variable.type],
    shouldTrackEvent: false,
    user: ProtobufTypes.DVCUser_PB.create({
      user_id: user.user_id,
      email: nullable(user.email),
      name: nullable(user.name),
      language: nullable(user.language),
      country: nullable(user.country),
      appBuild: nullable(user.appBuild),
      appVersion: nullable(user.appVersion),
      deviceModel: nullable(user.deviceModel),
      customData: customData(user.customData),
      privateCustomData: customData(user.privateCustomData),
    }),
  });
  return ProtobufTypes.VariableForUserParams_PB.encode(request).finish();
}

/** The value in a variable that `variableForUser_PB` returned, or undefined when it returned none. */
function valueOf(bytes) {
  if (!bytes) return undefined;
  const variable = ProtobufTypes.SDKVariable_PB.decode(bytes);
  const { Boolean, Number, JSON: Json } = ProtobufTypes.VariableType_PB;
  switch (variable.type) {
    case Boolean:
      return variable.boolValue;
    case Number:
      return variable.doubleValue;
    case Json:
      return JSON.parse(variable.stringValue);
    default:
      return variable.stringValue;
  }
}

/**
 * Loads a configuration (JSON text) into both libraries, for one user (plain object).
 *
 * `asOne(key)` and `asAll()` and `tsAll()` return functions that each decide once, with all input prepared beforehand, as favourably as a
 * caller could; `read` turns what such a function returned into values.
 */
export async function load(configText, user) {
  const config = JSON.parse(configText);
  // Without class-transformer dates stay text and the TypeScript library fails every rollout.
  const typedConfig = plainToInstance(ConfigBody, config);

  const as = await instantiate();
  // The AssemblyScript library takes the platform from here and ignores the user's own: the same, so that both decide alike.
  as.setPlatformData(
    JSON.stringify({
      platform: user.platform ?? "",
      platformVersion: user.platformVersion ?? "",
      sdkType: "server",
      sdkVersion: "1.0.0",
      hostname: "testbed",
    }),
  );
  as.setConfigDataUTF8(SDK_KEY, Buffer.from(configText));
  const userBytes = Buffer.from(JSON.stringify(user));

  return {
    asOne(key) {
      const variable = config.variables.find((variable) => variable.key === key);
      if (!variable) throw new Error(`the configuration has no variable "${key}": name one of its variables with --flag`);
      const request = variableRequest(user, variable);
      return { run: () => as.variableForUser_PB(request), read: valueOf };
    },
    asAll: () => ({
      run: () => as.generateBucketedConfigForUserUTF8(SDK_KEY, userBytes),
      read: (bytes) => values(JSON.parse(Buffer.from(bytes).toString("utf8"))),
    }),
    tsAll: () => ({ run: () => generateBucketedConfig({ config: typedConfig, user }), read: values }),
  };
}

const values = (bucketed) => Object.fromEntries(Object.entries(bucketed.variables).map(([key, variable]) => [key, variable.value]));
