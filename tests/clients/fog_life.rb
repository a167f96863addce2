# A stack's life as Ruby's fog sees it: made from files, watched, changed, patched, previewed, looked into, abandoned, deleted.
require 'fog/openstack'
require 'tmpdir'

def check(what, seen, wanted)
  raise "#{what}: #{seen.inspect} instead of #{wanted.inspect}" unless wanted === seen
end

heat = Fog::OpenStack::Orchestration.new(
  openstack_auth_url: ENV['OS_AUTH_URL'],
  openstack_username: ENV['OS_USERNAME'],
  openstack_api_key: ENV['OS_PASSWORD'],
  openstack_project_name: ENV['OS_PROJECT_NAME'],
  openstack_user_domain_id: 'default',
  openstack_project_domain_id: 'default'
)

# Of fog 1.0 with a Ruby of today, two things are to be known: it looks for its loader of files under another name, and calls YAML as it
# once was.
require 'fog/openstack/orchestration/util/recursive_hot_file_loader'
Fog::OpenStack::Orchestration::Util = Fog::OpenStack::OrchestrationUtil
YAML.singleton_class.prepend(Module.new { def safe_load(text, classes = [], **more) = super(text, permitted_classes: classes, **more) })

ALONE = <<~YAML.freeze
  heat_template_version: 2018-08-31
  parameters:
    greeting: {type: string, default: hello}
  outputs:
    said: {value: {get_attr: [text, output]}}
  resources:
    text: {type: OS::Heat::TestResource, properties: {value: {get_param: greeting}}}
YAML
CHILD = "heat_template_version: 2018-08-31\nresources: {inner: {type: OS::Heat::RandomString}}\n".freeze

folder = Dir.mktmpdir
WHOLE = "#{folder}/main.yaml".freeze
File.write(WHOLE, "#{ALONE}  child: {type: child.yaml}\n")
File.write("#{folder}/child.yaml", CHILD)

def settled(heat, name, id, wanted)
  200.times do
    stack = heat.stacks.get(name, id)
    return stack if stack.stack_status == wanted
    raise "#{name}: #{stack.stack_status} #{stack.stack_status_reason}" if stack.stack_status.end_with?('FAILED')

    sleep 0.1
  end
  raise "#{name} does not become #{wanted}"
end

checked = heat.templates.validate(template: ALONE)
check('validated parameters', checked.parameters.keys, ['greeting'])

preview = heat.preview_stack(stack_name: 'fog-preview', template: ALONE)
check('previewed', preview.body['stack']['resources'].map { |one| one['resource_name'] }, ['text'])

made = heat.stacks.new.save(stack_name: 'fog', template_url: WHOLE, parameters: { greeting: 'hi' }, tags: 'a,b')
stack = settled(heat, 'fog', made['id'], 'CREATE_COMPLETE')
check('id', stack.id, made['id'])
check('outputs', stack.outputs.map { |one| [one['output_key'], one['output_value']] }, [%w[said hi]])
check('parameters', stack.parameters['greeting'], 'hi')
check('listed', heat.stacks.all(name: 'fog').map(&:stack_name), ['fog'])
check('summarised', heat.stacks.summary.map(&:stack_name), ->(names) { names.include?('fog') })

resources = stack.resources
check('resources', resources.map(&:resource_name).sort, %w[child text])
nested = heat.resources.all(stack: stack, nested_depth: 2)
check('nested resources', nested.map(&:resource_name).sort, %w[child inner text])
text = heat.resources.get('text', stack)
check('resource', [text.resource_type, text.resource_status], ['OS::Heat::TestResource', 'CREATE_COMPLETE'])
check('metadata', text.metadata, {})
check('its stack', text.stack.id, stack.id)
check('template of a type', heat.show_resource_template('OS::Heat::TestResource').body['Resources'].keys, ['TestResource'])
check('stack template', YAML.safe_load(stack.template.content)['resources'].keys.sort, %w[child text])

events = stack.events
check('events', events.map(&:resource_status).uniq.sort, %w[CREATE_COMPLETE CREATE_IN_PROGRESS])
event = text.events.first
check('event', heat.events.get(stack, text, event.id).id, event.id)

check('types', heat.resources.types, ->(types) { types.include?('OS::Nova::Server') })
check('schema', heat.resource_schemas.get('OS::Neutron::Net')['properties'].keys, ->(keys) { keys.include?('name') })
check('build', heat.build_info.body.keys.sort, %w[api engine])

stack.save(template_url: WHOLE, parameters: { greeting: 'ho' })
check('changed', settled(heat, 'fog', stack.id, 'UPDATE_COMPLETE').outputs[0]['output_value'], 'ho')
heat.patch_stack(stack, parameters: { greeting: 'hey' })
100.times do
  break if heat.stacks.get('fog', stack.id).outputs[0]['output_value'] == 'hey'

  sleep 0.1
end
check('patched', settled(heat, 'fog', stack.id, 'UPDATE_COMPLETE').outputs[0]['output_value'], 'hey')

begin
  heat.create_stack(stack_name: 'fog', template: ALONE)
  raise 'a name that is taken was taken again'
rescue Excon::Error::Conflict => e
  check('conflict', e.response.body, /already exists/)
end

stack.delete
200.times do
  break if heat.stacks.all(name: 'fog').empty?

  sleep 0.1
end
check('deleted', heat.stacks.all(name: 'fog').to_a, [])

made = heat.create_stack(stack_name: 'fog-left', template: ALONE).body['stack']
left = settled(heat, 'fog-left', made['id'], 'CREATE_COMPLETE')
check('abandoned', left.abandon.body['resources'].keys, ['text'])
puts 'done'
