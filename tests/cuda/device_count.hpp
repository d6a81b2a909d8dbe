#pragma once

namespace on_device {
int device_count();  // 0 too where there is no driver
}
