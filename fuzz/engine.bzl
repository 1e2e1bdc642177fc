"""Which engine fuzz targets are linked with: --//fuzz:engine."""

def _engine_setting_impl(_ctx):
    return []

engine_setting = rule(
    doc = "libfuzzer, or none: then a driver runs files.",
    implementation = _engine_setting_impl,
    build_setting = config.string(flag = True),
)
