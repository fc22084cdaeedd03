import { defineScript } from "./connection.ts";

/*
 * ARGV[1] is always the prefix p. What is stored:
 *
 *   p node:<nodeId>         string  "<number>:<token>:<JSON of kind and address>", runs out when the heartbeats stop
 *   p node-number:<number>  string  nodeId; outlives its node, so that a late answer meets nobody rather than a stranger
 *   p nodes:<kind>          set     nodeIds, also of dead nodes until somebody lists them
 *
 * The token is the registration's own: two processes under one id are told apart.
 */
const shared = `
local p = ARGV[1]
local function parse(value) return string.match(value, '^(%d+):([^:]*):(.*)$') end
`;

/**
 * p, nodeId, kind, token, JSON, ms to live, wanted number, largest number, ms a number stays -> [state, number], where state is
 * "alive" (as before), "made" (new or made again) or "taken" (another process has the id); number 0 when all are taken.
 */
export const beatScript = defineScript(`${shared}
local node, kind, token, json, ttl = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local number, largest, lease = tonumber(ARGV[7]), tonumber(ARGV[8]), ARGV[9]
local state = 'made'
local value = redis.call('GET', p .. 'node:' .. node)
if value then
  local _, holder = parse(value)
  if holder ~= token then return {'taken', 0} end
  state = 'alive'
end
local tried = 0
while tried < largest do
  local owner = redis.call('GET', p .. 'node-number:' .. number)
  if not owner or owner == node then break end
  number = number % largest + 1
  tried = tried + 1
end
if tried == largest then return {state, 0} end
redis.call('SET', p .. 'node-number:' .. number, node, 'PX', lease)
redis.call('SET', p .. 'node:' .. node, number .. ':' .. token .. ':' .. json, 'PX', ttl)
redis.call('SADD', p .. 'nodes:' .. kind, node)
return {state, number}
`);

/** p, nodeId, kind, token: ends the registration if it is still this one. */
export const leaveScript = defineScript(`${shared}
local value = redis.call('GET', p .. 'node:' .. ARGV[2])
if not value then return 0 end
local _, holder = parse(value)
if holder ~= ARGV[4] then return 0 end
redis.call('DEL', p .. 'node:' .. ARGV[2])
redis.call('SREM', p .. 'nodes:' .. ARGV[3], ARGV[2])
return 1
`);

/** p, number -> [nodeId, value], or nothing. */
export const findNumberScript = defineScript(`${shared}
local node = redis.call('GET', p .. 'node-number:' .. ARGV[2])
if not node then return {} end
local value = redis.call('GET', p .. 'node:' .. node)
if not value or parse(value) ~= ARGV[2] then return {} end
return {node, value}
`);

/** p, kind -> [nodeId, value, ...] of live nodes; forgets the dead. */
export const listNodesScript = defineScript(`${shared}
local found = {}
for _, node in ipairs(redis.call('SMEMBERS', p .. 'nodes:' .. ARGV[2])) do
  local value = redis.call('GET', p .. 'node:' .. node)
  if value then
    found[#found + 1] = node
    found[#found + 1] = value
  else
    redis.call('SREM', p .. 'nodes:' .. ARGV[2], node)
  end
end
return found
`);
