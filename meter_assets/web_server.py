"""The name of `meter_assets.runtime.web_server` in deployments of version 1.1 and older."""

from meter_assets.runtime.web_server import main as main

if __name__ == "__main__":
    main()
