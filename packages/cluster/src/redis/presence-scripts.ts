import { defineScript } from "./connection.ts";

/*
 * ARGV[1] is always the prefix p. What is stored:
 *
 *   p presence:<deviceId>     hash    clientId -> "<epoch>:<nodeId>"
 *   p presence-of:<nodeId>    set     "<deviceId> NUL <clientId>": what a dead node leaves behind is found without a scan
 *   p presence-nodes          set     nodeIds that have such a set
 *   p presence-epoch          string  the last epoch given
 *   p node:<nodeId>           string  exists while the node lives (nodes.ts)
 *
 * Epochs are milliseconds, 13 digits: exact in Lua's doubles, but only %.0f prints them in full.
 * NUL separates because no MQTT client id holds one [MQTT-1.5.4-2]; Lua 5.1 patterns write it %z.
 */
const shared = `
local p = ARGV[1]
local function parse(value) return string.match(value, '^(%d+):(.*)$') end
local function isLive(node) return redis.call('EXISTS', p .. 'node:' .. node) == 1 end
local function countLive(device)
  local count = 0
  for _, value in ipairs(redis.call('HVALS', p .. 'presence:' .. device)) do
    local _, node = parse(value)
    if isLive(node) then count = count + 1 end
  end
  return count
end
local function remove(device, client, node)
  redis.call('HDEL', p .. 'presence:' .. device, client)
  redis.call('SREM', p .. 'presence-of:' .. node, device .. '\\0' .. client)
end
local function put(device, client, epoch, node)
  local old = redis.call('HGET', p .. 'presence:' .. device, client)
  if old then
    local _, oldNode = parse(old)
    remove(device, client, oldNode)
  end
  redis.call('HSET', p .. 'presence:' .. device, client, string.format('%.0f', epoch) .. ':' .. node)
  redis.call('SADD', p .. 'presence-of:' .. node, device .. '\\0' .. client)
  redis.call('SADD', p .. 'presence-nodes', node)
end
`;

/** p, deviceId, clientId, nodeId, most connections -> [epoch, replaced value or nil, live connections before], or [] above the limit. */
export const claimScript = defineScript(`${shared}
local device, client, node = ARGV[2], ARGV[3], ARGV[4]
local old = redis.call('HGET', p .. 'presence:' .. device, client)
local live = countLive(device)
if not old and live >= tonumber(ARGV[5]) then return {} end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local epoch = math.max(tonumber(redis.call('GET', p .. 'presence-epoch') or '0') + 1, now)
redis.call('SET', p .. 'presence-epoch', string.format('%.0f', epoch))
put(device, client, epoch, node)
return {string.format('%.0f', epoch), old, live}
`);

/** p, deviceId, clientId, epoch -> [1 if removed, live connections left]. */
export const releaseScript = defineScript(`${shared}
local device, client = ARGV[2], ARGV[3]
local released = 0
local old = redis.call('HGET', p .. 'presence:' .. device, client)
if old then
  local epoch, node = parse(old)
  if epoch == ARGV[4] then
    remove(device, client, node)
    released = 1
  end
end
return {released, countLive(device)}
`);

/** p, deviceId -> [clientId, value, ...] of live nodes. */
export const findScript = defineScript(`${shared}
local found = {}
local all = redis.call('HGETALL', p .. 'presence:' .. ARGV[2])
for i = 1, #all, 2 do
  local _, node = parse(all[i + 1])
  if isLive(node) then
    found[#found + 1] = all[i]
    found[#found + 1] = all[i + 1]
  end
end
return found
`);

/** p, then deviceId, clientId, epoch, nodeId of each -> the positions, from 0, of those that newer ones took the place of. */
export const restoreScript = defineScript(`${shared}
local superseded = {}
local highest = tonumber(redis.call('GET', p .. 'presence-epoch') or '0')
for i = 2, #ARGV, 4 do
  local device, client, epoch, node = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2]), ARGV[i + 3]
  local old = redis.call('HGET', p .. 'presence:' .. device, client)
  highest = math.max(highest, epoch)
  if old and tonumber((parse(old))) > epoch then
    superseded[#superseded + 1] = (i - 2) / 4
  else
    put(device, client, epoch, node)
  end
end
redis.call('SET', p .. 'presence-epoch', string.format('%.0f', highest))
return superseded
`);

/** p, most entries -> [deviceId, clientId, value, live connections left, ...] of entries removed because their node is dead. */
export const evictScript = defineScript(`${shared}
local evicted = {}
local room = tonumber(ARGV[2])
for _, node in ipairs(redis.call('SMEMBERS', p .. 'presence-nodes')) do
  if room <= 0 then break end
  if not isLive(node) then
    local members = redis.call('SRANDMEMBER', p .. 'presence-of:' .. node, room)
    if #members == 0 then redis.call('SREM', p .. 'presence-nodes', node) end
    room = room - #members
    for _, member in ipairs(members) do
      local device, client = string.match(member, '^(.-)%z(.*)$')
      local value = redis.call('HGET', p .. 'presence:' .. device, client)
      remove(device, client, node)
      evicted[#evicted + 1] = device
      evicted[#evicted + 1] = client
      evicted[#evicted + 1] = value
      evicted[#evicted + 1] = countLive(device)
    end
  end
end
return evicted
`);
