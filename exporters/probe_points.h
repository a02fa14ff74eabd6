#pragma once
// Points that every prober over the network reports alike.

#include <optional>
#include <vector>

#include "core/metric_family.h"
#include "core/net/address.h"
#include "core/net/tls.h"
#include "core/time.h"

namespace sluice::exporters {

// The time of the look-up, and the protocol and hash of the address chosen: 0 and 0 when there is none.
void add_address_points(std::vector<MetricPoint>& points, Duration lookup,
                        const std::optional<net::IpAddress>& address);
// Certificates and TLS version, as far as the handshake got: also when verification failed, unlike
// blackbox_exporter, whose expiry series vanish on the day the certificate expires.
void add_tls_points(std::vector<MetricPoint>& points, const net::TlsFacts& facts);

// FNV-1a of the address's 4 or 16 bytes, 32 bits.
uint32_t address_hash(const net::IpAddress& address);

}  // namespace sluice::exporters
